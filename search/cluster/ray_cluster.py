"""A cluster of Ray for the time of a study: its nodes looked at, and its messages kept quiet."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

from search.cluster.node_check import Facts, NodeRequirements, complain, complaints, look, own_versions
from search.cluster.ray_start import environment, require_readable_settings, start
from search.cluster.resources import Node
from search.errors import SearchError

LOOK_TIMEOUT_S = 120.0
"""A node that has not answered by then is reported. The first answer waits for our packages to arrive."""

SECONDS_BETWEEN_LOOKS = 1.0

MAX_RETRIES = 2
"""So often a node is asked again whose worker was killed before it answered."""


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
def ray_cluster(
    address: str, wanted: NodeRequirements | None = None, say: Callable[[str], None] = print
) -> Iterator[tuple[Node, ...]]:
    """Ray for the time of a study; yields its nodes. One that runs in this process already is used as it is.

    address: local (a Ray of our own, shut down at the end), auto, or HOST:PORT. wanted: what the study
    needs of every node; without it the nodes are taken as they are. say: called with a line when Ray takes
    long to start.

    Raises:
        SearchError: there is no cluster at this address, or a node cannot run the study.
    """
    with ExitStack() as stack:
        stack.enter_context(environment(address))
        require_readable_settings()
        _import_ahead()
        import ray

        stack.enter_context(_quiet_logs(ray))
        is_ours = not ray.is_initialized()
        if is_ours:
            start(address, say)
            stack.callback(ray.shutdown)
        nodes = live_nodes()
        if wanted is not None:
            if is_ours and address == "local":
                nodes = examined(nodes, [look(wanted)])
            else:
                nodes = examined(*_answers_of_all(ray, wanted)) or nodes
        yield nodes


def live_nodes() -> tuple[Node, ...]:
    """The nodes of the cluster as they are now, each under a name of its own."""
    import ray

    alive = [entry for entry in ray.nodes() if entry["Alive"]]
    names = [f"{entry['NodeManagerHostname']} ({entry['NodeManagerAddress']})" for entry in alive]
    return tuple(
        _node(entry, name if names.count(name) == 1 else f"{name} {entry['NodeID'][:8]}")
        for entry, name in zip(alive, names, strict=True)
    )


def examined(nodes: Sequence[Node], answers: Sequence[Facts | str]) -> tuple[Node, ...]:
    """The nodes with what their answers say; a string stands for an answer that did not come.

    Raises:
        SearchError: a node differs from the driver or lacks something; all are listed, with all it is.
    """
    ours = own_versions()
    by_node = [
        (node.name, [answer] if isinstance(answer, str) else complaints(answer, ours))
        for node, answer in zip(nodes, answers, strict=True)
    ]
    message = complain(by_node)
    if message is not None:
        raise SearchError(message)
    facts = [answer for answer in answers if isinstance(answer, Facts)]
    return tuple(
        replace(
            node,
            gpu_memory_mib=fact.gpu_memory_mib if node.gpus > 0 else None,
            processor=fact.processor,
            gpu_models=fact.gpus if node.gpus > 0 else (),
        )
        for node, fact in zip(nodes, facts, strict=True)
    )


class _Unsettled(str):
    """Why there is no answer of a node that may be about to leave, or may just have come."""


def _answers_of_all(ray: Any, wanted: NodeRequirements) -> tuple[list[Node], list[Facts | str]]:
    """The nodes that trials run on, and what each answers.

    Ray notices the death of a node after up to half a minute, and takes a moment to know a new one
    everywhere: until then a node is on the list and cannot be reached. So they are all asked again.
    """
    deadline = time.monotonic() + LOOK_TIMEOUT_S
    while True:
        able = [node for node in live_nodes() if node.cpus > 0]  # a head that only drives needs no data
        answers = _ask(ray, able, wanted)
        is_settled = not any(isinstance(answer, _Unsettled) for answer in answers)
        if is_settled or time.monotonic() >= deadline:
            return able, answers
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _ask(ray: Any, nodes: Sequence[Node], wanted: NodeRequirements) -> list[Facts | str]:
    """The answer of every node, or why there is none. Takes no CPU from what runs there."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(num_cpus=0, max_retries=MAX_RETRIES)(look)
    there = [NodeAffinitySchedulingStrategy(node.node_id, soft=False) for node in nodes]
    references = [task.options(scheduling_strategy=strategy).remote(wanted) for strategy in there]
    ray.wait(references, num_returns=len(references), timeout=LOOK_TIMEOUT_S)
    return [_answer(ray, reference) for reference in references]


def _answer(ray: Any, reference: Any) -> Facts | str:
    try:
        facts: Facts = ray.get(reference, timeout=0)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(reference, force=True)
        return f"does not answer within {LOOK_TIMEOUT_S:g} s"
    except ray.exceptions.RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        text = f"cannot run our code: {(lines or [type(error).__name__])[-1][:300]}"
        lost = ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError
        return _Unsettled(text) if isinstance(error, lost) else text
    return facts


def _import_ahead() -> None:
    """Begin to import, in a thread, what a study needs once Ray stands; starting Ray is mostly waiting."""

    def load() -> None:
        for name in ("ray.tune", "search.tune.loop"):
            # A module that cannot be imported says so where it is needed.
            with suppress(Exception):
                importlib.import_module(name)

    threading.Thread(target=load, daemon=True).start()


def _node(entry: dict[str, Any], name: str) -> Node:
    resources = entry["Resources"]
    return Node(name, resources.get("CPU", 0.0), resources.get("GPU", 0.0), node_id=entry["NodeID"])


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
