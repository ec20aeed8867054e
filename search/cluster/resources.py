"""What one trial may use, and how many trials the cluster has room for at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from search.errors import SearchError
from search.worker.jobs import Allotment

AUTO_GPU_SHARE = 0.25
"""The share of a GPU that `gpu: auto` gives a trial whose need is not known."""

CUDA_CONTEXT_MIB = 512.0
"""What a process takes of a GPU beside torch's allocator: CUDA's context and the kernels it loads."""

MEMORY_MARGIN = 1.25
"""Over the probed peak: blocks the allocator holds but cannot use, and an evaluation's larger batches."""

MIN_GPU_SHARE = 1 / 16
"""So many trials at most on one GPU, however small: they take turns on it, and each also needs a core."""

_SLACK = 1e-9


@dataclass(frozen=True)
class Node:
    """One machine of the cluster.

    gpu_memory_mib: of its smallest GPU, None where it is not known. processor, gpu_models: as the machine
    reports them, None and () where it was not asked.
    """

    name: str
    cpus: float
    gpus: float
    gpu_memory_mib: float | None = None
    node_id: str = ""
    processor: str | None = None
    gpu_models: tuple[str, ...] = ()

    def models(self, device: Literal["cpu", "cuda"]) -> tuple[str, ...]:
        """Of the devices that a trial may get here, without repeats."""
        if device == "cuda":
            return self.gpu_models
        return () if self.processor is None else (self.processor,)


@dataclass(frozen=True)
class Allotments:
    """What trials get on these nodes. cpu, gpu: as the space says."""

    cpu: float
    gpu: float | Literal["auto"]
    nodes: Sequence[Node]

    def of(self, memory_mib: float | None = None) -> Allotment:
        """Of a trial that needs so much memory to train; None where that is not known."""
        return decide_allotment(self.cpu, self.gpu, self.nodes, memory_mib)

    def n_slots(self) -> int:
        """How many of the smallest trials may run at once; raises as `count_slots` does."""
        usual = self.of()
        n_usual = count_slots(usual, self.nodes)
        if self.gpu != "auto" or usual.gpu == 0:
            return n_usual
        return count_slots(Allotment(usual.cpu, MIN_GPU_SHARE), self.nodes)

    def require_one_model(self, names: Sequence[str]) -> None:
        """Check that trials cannot end up on unlike devices, where metrics that depend on them are compared.

        names: of those metrics.

        Raises:
            SearchError: they can; all nodes are listed.
        """
        allotment = self.of()
        models = {node: node.models(allotment.device) for node in self.nodes if _fitting(allotment, node)}
        if not names or len({model for on_node in models.values() for model in on_node}) < 2:
            return
        listed = [
            f"  {node.name}: {' and '.join(on_node) or 'not known'}" for node, on_node in models.items()
        ]
        head = f"{', '.join(names)} of unlike devices cannot be compared, and this cluster has several:"
        last = "run the study on nodes of one model, or leave these metrics out of objectives and constraints"
        raise SearchError("\n".join([head, *listed, last]))


def decide_allotment(
    cpu: float, gpu: float | Literal["auto"], nodes: Sequence[Node], memory_mib: float | None = None
) -> Allotment:
    """The allotment of one trial; `gpu: auto` is a share of a GPU where the cluster has one, else none.

    memory_mib: what the trial needs on a GPU, train_memory_mib and its data; None where it is not known.
    """
    if gpu != "auto":
        return Allotment(cpu, gpu)
    with_gpus = [node for node in nodes if node.gpus > 0]
    if not with_gpus:
        return Allotment(cpu, 0.0, "resources.gpu: auto: the cluster has no GPU; trials train on CPU")
    sizes = [node.gpu_memory_mib for node in with_gpus]
    known = [size for size in sizes if size is not None]
    if memory_mib is None or len(known) < len(sizes):
        return Allotment(cpu, AUTO_GPU_SHARE)
    # Ray may place it on any of them, so the smallest decides.
    return Allotment(cpu, gpu_share(memory_mib, min(known)))


def gpu_share(memory_mib: float, gpu_memory_mib: float) -> float:
    """The share of a GPU that a trial needs, in hundredths rounded up, at least `MIN_GPU_SHARE`, at most 1.

    memory_mib: train_memory_mib as probed, plus the data set where it lies on the GPU. The sum of what all
    trials of one GPU take stays below its memory as long as each keeps to its probed peak and the margin.
    A trial that needs more than a GPU gets one for itself, and ends as out of memory there.

    Raises:
        ValueError: a memory is not a positive number.
    """
    if not (math.isfinite(memory_mib) and memory_mib > 0 and gpu_memory_mib > 0):
        raise ValueError(f"memory_mib {memory_mib}, gpu_memory_mib {gpu_memory_mib}: must be more than zero")
    share = (memory_mib * MEMORY_MARGIN + CUDA_CONTEXT_MIB) / gpu_memory_mib
    return min(1.0, max(MIN_GPU_SHARE, math.ceil(share * 100 - _SLACK) / 100))


def count_slots(allotment: Allotment, nodes: Sequence[Node]) -> int:
    """How many trials fit on all nodes together; each must fit on one node, and a part of a GPU on one GPU.

    Raises:
        SearchError: the request is larger than any node, and the message lists the nodes' sizes; or it is
            for more than one GPU and not for whole ones, which Ray cannot give.
    """
    if allotment.gpu > 1 and allotment.gpu != int(allotment.gpu):
        raise SearchError(
            f"resources.gpu: got {allotment.gpu:g}, allowed: up to 1, or a whole number of GPUs"
        )
    n_slots = sum(_fitting(allotment, node) for node in nodes)
    if n_slots:
        return n_slots
    asked = f"resources: cpu {allotment.cpu:g}, gpu {allotment.gpu:g} per trial is more than any node has"
    sizes = [f"  {node.name}: cpu {node.cpus:g}, gpu {node.gpus:g}" for node in nodes]
    raise SearchError("\n".join([f"{asked}; the nodes are", *sizes, "lower `resources` in the space"]))


def _fitting(allotment: Allotment, node: Node) -> int:
    limits = []
    if allotment.cpu > 0:
        limits.append(math.floor(node.cpus / allotment.cpu + _SLACK))
    if allotment.gpu >= 1:
        limits.append(math.floor(node.gpus / allotment.gpu + _SLACK))
    elif allotment.gpu > 0:
        limits.append(math.floor(node.gpus + _SLACK) * math.floor(1 / allotment.gpu + _SLACK))
    return min(limits, default=1)
