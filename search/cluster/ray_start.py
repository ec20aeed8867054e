"""Starts or joins Ray, and checks its surroundings; no other file does.

A Ray of our own (`--address local`) depends on the user's environment in many ways: on TMPDIR, on variables
that speak of another Ray, on what `uv run` means to it. Each is answered by a default that works, or by one
message that names cause and remedy.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from search.errors import SearchError
from spikefront.text import first_line

CONNECT_TIMEOUT_S = 10.0

SLOW_S = 60.0
"""Ray starts in seconds; after this long a message says where its logs are."""

MIN_FREE_MIB = 100
"""Of disk for Ray's logs and sockets."""

LOOPBACK = "127.0.0.1"

ROOMS: tuple[str, ...] = ("search", "snncore", "spaces", "spikefront", "studies")
"""The packages a worker imports."""

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # a search sends no statistics
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` Ray would build a new environment for workers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what later versions do anyway; without it, a warning
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # signals are ours: see `search.tune.stop_request`
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # Tune's own snapshots are never read
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # they go to the record
    "TUNE_WARN_THRESHOLD_S": "1000000",
}
"""What Ray reads from the environment, where the user has not set it."""

OF_ANOTHER_RAY = (
    "RAY_ADDRESS",
    "RAY_CLIENT_MODE",
    "RAY_GCS_SERVER_PORT",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
    "RAY_JOB_ID",
    "RAY_NAMESPACE",
    "RAY_NODE_ID",
    "RAY_OVERRIDE_JOB_RUNTIME_ENV",
    "RAY_OVERRIDE_LABELS",
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING",
    "RAY_OVERRIDE_RESOURCES",
    "RAY_RAYLET_PID",
    "RAY_REDIS_ADDRESS",
    "RAY_RUNTIME_ENV_HOOK",
    "RAY_WORKER_ID",
)
"""Variables that describe some other Ray, or a job in it; a Ray of our own starts without them."""

_TOKEN = "RAY_AUTH_TOKEN"

_SETTING = re.compile(r"RAY_[a-z].*")
"""Names of variables that Ray's C++ part reads."""

_SESSION = "/session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store"
"""What Ray puts behind its folder, at its longest."""

_MAX_SOCKET_BYTES = 103
"""Of the path of a socket: 107 on Linux, 103 on macOS."""


@contextmanager
def environment(address: str) -> Iterator[None]:
    """Set what Ray reads from the environment, where the user has not; put it back afterwards.

    Meanwhile settings of Ray Tune are ours alone: how the search uses it cannot be chosen, and some of its
    variables break it by being set. For a Ray of our own, what describes another one is taken out.
    """
    hidden = [name for name in os.environ if name.startswith("TUNE_")] + ["RAY_AIR_LOCAL_CACHE_DIR"]
    if address == "local":
        hidden += OF_ANOTHER_RAY
    before = {name: os.environ.get(name) for name in (*ENVIRONMENT, *hidden, _TOKEN)}
    for name in hidden:
        os.environ.pop(name, None)
    for name, ours in ENVIRONMENT.items():
        os.environ.setdefault(name, ours)
    if address == "local" and not {_TOKEN, "RAY_AUTH_TOKEN_PATH"} & os.environ.keys() and not _has_home():
        os.environ[_TOKEN] = secrets.token_hex(32)
    try:
        yield
    finally:
        for name, users in before.items():
            if users is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = users


def _has_home() -> bool:
    """Whether Ray can keep its token where it wants to, which it makes when there is none."""
    try:
        folder = Path.home() / ".ray"
        folder.mkdir(exist_ok=True)
        if (folder / "auth_token").exists():
            return os.access(folder / "auth_token", os.R_OK)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return False


def require_readable_settings() -> None:
    """Check Ray's own settings (RAY_health_check_period_ms and the like): one it cannot read crashes it.

    It does that as soon as it is imported, so another process tries. Costs nothing where there are none.

    Raises:
        SearchError: with each that is at fault.
    """
    settings = {name: text for name, text in os.environ.items() if _SETTING.fullmatch(name)}
    if not settings or "ray" in sys.modules or _can_import_ray(settings):
        return
    bad = [f"  {name}={text}" for name, text in settings.items() if not _can_import_ray({name: text})]
    head = "Ray crashes over these variables of the environment; correct or unset them:"
    raise SearchError("\n".join([head, *(bad or [f"  {name}={text}" for name, text in settings.items()])]))


def _can_import_ray(settings: dict[str, str]) -> bool:
    others = {name: text for name, text in os.environ.items() if not _SETTING.fullmatch(name)}
    command = [sys.executable, "-c", "import ray"]
    done = subprocess.run(command, env={**others, **settings}, capture_output=True, check=False)
    return done.returncode >= 0  # less than zero: ended by a signal


def start(address: str, say: Callable[[str], None]) -> None:
    """Start a Ray of our own ("local"), or join one. say: called with a line when it takes long.

    Raises:
        SearchError: it cannot be started, or there is no cluster at this address.
    """
    if address == "local":
        _start_own(say)
    else:
        _join(address)


def _start_own(say: Callable[[str], None]) -> None:
    import ray

    require_working_folder()
    require_loopback()
    folder = ray_folder(temporary_folders())
    ours = {*ENVIRONMENT, *OF_ANOTHER_RAY}
    read = sorted(name for name in os.environ if name.startswith("RAY_") and name not in ours)
    slow = f"Ray has not started within {SLOW_S:g} s; its logs are in {folder}/session_latest/logs"
    with _timer(SLOW_S, lambda: say(slow)), _on_loopback(), _without_hangups():
        try:
            # "local" must be said: without an address Ray joins whatever Ray runs on the machine.
            _init(address="local", include_dashboard=False, _node_ip_address=LOOPBACK, _temp_dir=str(folder))
        except Exception as error:
            with suppress(Exception):
                ray.shutdown()
            raise SearchError(_cannot_start(error, folder, read)) from error


def _join(address: str) -> None:
    import ray

    require_answer(address)
    try:
        _init(address=address, runtime_env=our_packages())
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        hint = "is it up, and does this machine have its token (`ray get-auth-token`)?"
        raise SearchError(f"--address: no Ray cluster at {address!r}: {first_line(error)}; {hint}") from error


def _init(**options: Any) -> None:
    import ray

    with warnings.catch_warnings():
        # Under `-W error` a warning from Ray would end the program.
        warnings.simplefilter("ignore")
        ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)


def require_working_folder() -> None:
    """Check that the working directory is there, which Ray's processes start in.

    Raises:
        SearchError: it was removed.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise SearchError(f"the working directory cannot be used ({error}); cd to one that exists") from error


def require_loopback() -> None:
    """Check that this machine can reach itself; Ray would try for minutes.

    Raises:
        SearchError: it cannot, as in a container or namespace whose loopback interface is down.
    """
    try:
        with socket.create_server((LOOPBACK, 0)) as listening:
            socket.create_connection(listening.getsockname(), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        message = f"Ray needs {LOOPBACK}, which cannot be reached here ({error})"
        raise SearchError(f"{message}; bring the interface up: ip link set lo up") from error


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


def our_packages() -> dict[str, Any]:
    """What a node that is not this machine needs to run a trial: the rooms a worker imports."""
    root = Path(__file__).parents[2]
    return {
        "py_modules": [str(root / room) for room in ROOMS],
        "excludes": ["__pycache__", "*.pyc"],
    }


def temporary_folders() -> list[Path]:
    """Where Ray may keep its sockets and logs, the user's own choice first."""
    chosen = [os.environ.get(name) for name in ("RAY_TMPDIR", "TMPDIR")]
    return list(dict.fromkeys(Path(text).absolute() for text in [*chosen, "/tmp", "/var/tmp"] if text))


def ray_folder(temporary: Sequence[Path]) -> Path:
    """A folder for Ray in the first of these that it can work in; one for each user if need be.

    Raises:
        SearchError: Ray can work in none of them; each is listed, with what is wrong with it.
    """
    problems = []
    for parent in temporary:
        for name in ("ray", f"ray-{os.getuid()}"):
            problem = _folder_problem(parent, parent / name)
            if problem is None:
                return parent / name
        problems.append(f"  {parent}: {problem}")
    raise SearchError(
        "\n".join(
            [
                "Ray needs a folder for its sockets and logs, and can use none of these:",
                *problems,
                "set RAY_TMPDIR to a folder with a short path that can be written",
            ]
        )
    )


def _folder_problem(parent: Path, folder: Path) -> str | None:
    """Why Ray cannot work in a folder, which need not exist; None where it can."""
    n_bytes = len(os.fsencode(f"{folder}{_SESSION}"))
    if n_bytes > _MAX_SOCKET_BYTES:
        return f"the path is too long by {n_bytes - _MAX_SOCKET_BYTES} bytes for a socket"
    within = os.environ.get("VIRTUAL_ENV")
    if within and parent.resolve().is_relative_to(Path(within).resolve()):
        return f"Ray works in no folder of a virtual environment ({within})"
    there = folder if folder.exists() else parent
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"0" * 4096)
        free_mib = shutil.disk_usage(there).free / 2**20
    except OSError as error:
        return error.strerror or str(error)
    return None if free_mib >= MIN_FREE_MIB else f"only {free_mib:.0f} MiB are free"


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have a Ray that starts meanwhile listen on this machine alone, as it does on macOS and Windows.

    Elsewhere it takes an address that other machines reach, even where it is given 127.0.0.1.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER, ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV
    ray_constants.ENABLE_RAY_CLUSTER = False
    # Read from the environment when Ray was imported, which a program that calls us may have done.
    ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER, ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = before


@contextmanager
def _without_hangups() -> Iterator[None]:
    """Have processes that start meanwhile ignore that their terminal is closed: it is the driver's to end."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _timer(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Do something once, should the block take so long."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cannot_start(error: BaseException, folder: Path, read: Sequence[str]) -> str:
    lines = [f"Ray could not be started: {first_line(error)}", f"  its logs: {folder}/session_latest/logs"]
    if read:
        lines.append(f"  set in the environment, which Ray reads: {', '.join(read)}; try without them")
    if (gib := _address_space_gib()) is not None:
        lines.append(
            f"  `ulimit -v` allows each process {gib:.1f} GiB of addresses, and Ray needs tens; lift it"
        )
    return "\n".join(lines)


def _address_space_gib() -> float | None:
    """What `ulimit -v` allows; None for no limit."""
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit / 2**30
