"""Several processes that train one network together: the group that torchrun starts, one device in each.

Without torchrun nothing here has an effect. `snncore.distributed` holds what a training step needs.
"""

from __future__ import annotations

import atexit
import gc
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from snncore.devices import default_device, device_or_default
from snncore.distributed import is_distributed, rank, world_size
from snncore.errors import UserError
from snncore.training.launch import is_torchrun_worker, local_rank

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for another one. torchrun ends all processes when one dies; this is for what it
does not see, such as a node that was lost. Reading data sets may take minutes."""

Result = TypeVar("Result")


@contextmanager
def process_group(device: str | None) -> Iterator[str]:
    """Join the process group of torchrun, and leave it at the end; yields the device to use.

    device: "cpu", "cuda" or None for CUDA if there is one; with several processes, each uses the GPU of its
    local rank.

    Raises:
        UserError: this machine has no such device, there are more processes than GPUs on this node, or one
            GPU is given for all.
    """
    if not is_torchrun_worker():
        yield device_or_default(device)
        return
    device = _own_device(device or default_device())
    _join(device)
    try:
        yield device
    except BaseException:
        # The others may be waiting for this process. With gloo, destroying the group makes them stop waiting.
        # Destroying an NCCL group could wait for them in turn, and this process is about to end anyway.
        if device == "cpu":
            dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def _join(device: str) -> None:
    """Join the group of torchrun.

    gloo's threads free tensors, for which they need the GIL. They abort the process if they still run while
    Python ends, and they deadlock if the last reference to the group is dropped by code that holds the GIL
    while it waits for them, as DistributedDataParallel does. So this module holds the last reference, until
    just before Python ends: when Python itself drops it, the GIL is released first.
    """
    # The functions of that module have the default group as a default argument, set when it is imported.
    # torch would import it later, and it would then hold the group to the end.
    importlib.import_module("torch.distributed.nn.functional")
    if device != "cpu":
        dist.init_process_group("nccl", timeout=TIMEOUT)
        return
    dist.init_process_group("gloo", timeout=TIMEOUT)
    held = [dist.group.WORLD]

    def drop() -> None:
        gc.collect()
        held.clear()

    atexit.register(drop)


def run_on_main(work: Callable[[], Result]) -> Result:
    """Call `work` in process 0 only, and return its result in all processes.

    Raises:
        UserError: in all processes, if `work` raised one.
    """
    if not is_distributed():
        return work()
    outcome: list[Any] = [None, None]  # result, message of the error
    if rank() == 0:
        try:
            outcome[0] = work()
        except UserError as error:
            outcome[1] = str(error)
    dist.broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise UserError(outcome[1])
    result: Result = outcome[0]
    return result


def run_on_all(work: Callable[[], Result]) -> Result:
    """Call `work` in every process and wait for all of them.

    Raises:
        UserError: in all processes, if `work` raised one in any of them; so none waits for ever.
    """
    if not is_distributed():
        return work()
    message: str | None = None
    try:
        result = work()
    except UserError as error:
        message = str(error)
    messages: list[str | None] = [None] * world_size()
    dist.all_gather_object(messages, message)
    for process, reported in enumerate(messages):
        if reported is not None:
            raise UserError(reported if message == reported else f"process {process}: {reported}")
    return result


def _own_device(device: str) -> str:
    if device == "cpu":
        return device
    if device != "cuda":
        raise UserError(f"--device: got {device!r}, allowed with several processes: cpu, cuda")
    index, n = local_rank(), torch.cuda.device_count()
    if index >= n:
        raise UserError(f"process {index + 1} of this node has no GPU, there are {n}; lower --nproc-per-node")
    torch.cuda.set_device(index)
    return f"cuda:{index}"
