"""Peak memory, the same number on every run.

CUDA: the peak that the allocator reports. CPU: the allocations and releases that torch reports while a
function runs are added up in order; the highest sum, plus the tensors that existed before, is the peak.
Neither includes scratch memory that a kernel library takes directly from the system.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

MIB = 1024 * 1024


def peak_growth_bytes(function: Callable[[], object], device: str) -> int:
    """Peak number of bytes allocated during `function`, beyond those allocated before it.

    Call the function once before: first calls allocate what later ones reuse.
    """
    if device.startswith("cuda"):
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with _silent_stderr(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    results = profiler.profiler.kineto_results
    events = [event for event in results.events() if event.name() == "[memory]"]
    alive = peak = 0
    for event in sorted(
        events, key=lambda event: event.start_ns()
    ):  # stable: equal times stay in recorded order
        alive += event.nbytes()
        peak = max(peak, alive)
    return peak


def peak_mib(function: Callable[[], object], alive: Iterable[Tensor], device: str) -> float:
    """Peak memory of `function` in MiB, including the tensors `alive`, which exist before and after it.

    Call the function once before: first calls allocate what later ones reuse.
    """
    return (tensor_bytes(alive) + peak_growth_bytes(function, device)) / MIB


def tensor_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages behind `tensors`, each storage once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Silence stderr, also below Python: the profiler of some torch releases writes to it directly."""
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
