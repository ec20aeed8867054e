"""What one trial may use, and how many trials the cluster has room for at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from search.errors import SearchError

AUTO_GPU_SHARE = 0.25
"""The share of a GPU that `gpu: auto` gives a trial: small networks leave most of a GPU idle."""

_SLACK = 1e-9


@dataclass(frozen=True)
class Node:
    """One machine of the cluster."""

    name: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Share:
    """What one trial gets. note: a warning the user should read, or None."""

    cpu: float
    gpu: float
    note: str | None = None

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """Where the trial is trained."""
        return "cuda" if self.gpu > 0 else "cpu"

    @property
    def threads(self) -> int:
        """Threads of one trial: the whole cores it has, at least one."""
        return max(1, int(self.cpu + _SLACK))


def decide_share(cpu: float, gpu: float | Literal["auto"], nodes: Sequence[Node]) -> Share:
    """The share of one trial; `gpu: auto` is a share of a GPU where the cluster has one, else none."""
    if gpu != "auto":
        return Share(cpu, gpu)
    if any(node.gpus > 0 for node in nodes):
        return Share(cpu, AUTO_GPU_SHARE)
    return Share(cpu, 0.0, "resources.gpu: auto: the cluster has no GPU; trials train on CPU")


def count_slots(share: Share, nodes: Sequence[Node]) -> int:
    """How many trials fit on all nodes together; each must fit on one node.

    Raises:
        SearchError: the request is larger than any node; the message lists the nodes' sizes.
    """
    n_slots = sum(_fitting(share, node) for node in nodes)
    if n_slots:
        return n_slots
    asked = f"resources: cpu {share.cpu:g}, gpu {share.gpu:g} per trial is more than any node has"
    sizes = [f"  {node.name}: cpu {node.cpus:g}, gpu {node.gpus:g}" for node in nodes]
    raise SearchError("\n".join([f"{asked}; the nodes are", *sizes, "lower `resources` in the space"]))


def _fitting(share: Share, node: Node) -> int:
    limits = []
    if share.cpu > 0:
        limits.append(node.cpus / share.cpu)
    if share.gpu > 0:
        limits.append(node.gpus / share.gpu)
    return math.floor(min(limits, default=1.0) + _SLACK)
