"""Ray, started or joined, and kept quiet."""

from __future__ import annotations

import importlib
import logging
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from search.errors import SearchError
from search.resources import Node

CONNECT_TIMEOUT_S = 10.0

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # a search tells nobody about itself
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what later versions do anyway; without it, a warning
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # signals are ours: see `search.stopping`
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # Tune's own snapshots are never read
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # they go to the record
    "TUNE_WARN_THRESHOLD_S": "1000000",
}


def refuse_ray_client(address: str) -> None:
    """Check an address before anything is started.

    Raises:
        SearchError: Ray Client would move searcher and storage away from the user's folder.
    """
    if address.startswith("ray://"):
        raise SearchError(
            f"--address: got {address!r}: Ray Client is not supported; submit the command with "
            "`ray job submit`, or run it on the head node with --address auto"
        )


@contextmanager
def ray_cluster(address: str) -> Iterator[tuple[Node, ...]]:
    """Ray for the time of a study; yields its nodes. One that runs in this process already is used as it is.

    address: local (a Ray of our own, shut down at the end), auto, or HOST:PORT.

    Raises:
        SearchError: there is no cluster at this address.
    """
    with ExitStack() as stack:
        stack.enter_context(_environment())
        _import_ahead()
        import ray

        stack.enter_context(_quiet_logs(ray))
        if not ray.is_initialized():
            _start(ray, address)
            stack.callback(ray.shutdown)
        yield tuple(_node(entry) for entry in ray.nodes() if entry["Alive"])


def _import_ahead() -> None:
    """Begin to import, in a thread, what a study needs once Ray stands; starting Ray is mostly waiting."""

    def load() -> None:
        for name in ("ray.tune", "search.tuning"):
            # A module that cannot be imported says so where it is needed.
            with suppress(Exception):
                importlib.import_module(name)

    threading.Thread(target=load, daemon=True).start()


def _start(ray: Any, address: str) -> None:
    # "local" must be said: without an address Ray joins whatever Ray runs on the machine.
    require_answer(address)
    of_ours = {"include_dashboard": False} if address == "local" else {"runtime_env": _our_packages()}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"ray\b")
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **of_ours)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address == "local":
            raise
        line = str(error).strip().splitlines()[0]
        raise SearchError(f"--address: no Ray cluster at {address!r}: {line}") from error


def require_answer(address: str) -> None:
    """Check that something listens at HOST:PORT; Ray itself would try for many minutes."""
    host, _, port = address.rpartition(":")
    if address in ("local", "auto"):
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        message = f"nothing answers there ({error}); allowed: local, auto or HOST:PORT"
        raise SearchError(f"--address: got {address!r}: {message}") from error


def _our_packages() -> dict[str, Any]:
    """What a node that is not this machine needs to run a trial: the rooms a worker imports."""
    root = Path(__file__).parents[1]
    return {"py_modules": [str(root / room) for room in ("search", "snncore", "spaces", "studies")]}


def _node(entry: dict[str, Any]) -> Node:
    resources = entry["Resources"]
    return Node(entry["NodeManagerAddress"], resources.get("CPU", 0.0), resources.get("GPU", 0.0))


@contextmanager
def _environment() -> Iterator[None]:
    """Set what Ray reads from the environment, where the user has not; put it back afterwards."""
    ours = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def _quiet_logs(ray: Any) -> Iterator[None]:
    """Ray's and Optuna's own messages off the terminal: ours say what the user needs."""
    worker = ray._private.worker
    # Prints what nodes say, such as each death of a worker, whatever `log_to_driver` is. Ray's own
    # debugger switches it off in the same way.
    prints = worker._worker_logs_enabled
    worker._worker_logs_enabled = False
    loggers = [logging.getLogger(name) for name in ("ray", "ray.tune", "ray.train", "ray.air", "optuna")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        worker._worker_logs_enabled = prints
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
