"""Several processes that train one network together: the group that torchrun starts, one device in each.

Outside torchrun all of this does nothing. `snncore.distributed` is what a training step needs of it.
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
from snncore.training.launch import is_one_of_several, place_on_node

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for another one before it gives up. torchrun ends all when it sees one die; this
is for what it cannot see, such as a node that vanished. Reading data sets may take minutes."""

Result = TypeVar("Result")


@contextmanager
def process_group(device: str | None) -> Iterator[str]:
    """Join the group this process was started for, and leave it at the end; gives the device to use.

    device: "cpu", "cuda" or None for CUDA where there is one; with several processes, each takes the GPU
    of its place on the node.

    Raises:
        UserError: the device is not here, there are more processes than GPUs on this node, or one GPU is
            named for all.
    """
    if not is_one_of_several():
        yield device_or_default(device)
        return
    device = _own_device(device or default_device())
    _join(device)
    try:
        yield device
    except BaseException:
        # The others may be waiting for this process. gloo tells them by closing; to leave an NCCL group
        # in good order could wait for them in turn, and the process is about to end anyway.
        if device == "cpu":
            dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def _join(device: str) -> None:
    """Join the group of torchrun.

    gloo's threads drop tensors, for which they need Python's lock. They abort the process if they still run
    while Python ends, and they wait for ever if whoever drops the group waits for them with the lock in his
    hands, as DistributedDataParallel does. So the last to hold the group is this module, until just before
    Python ends: dropped by Python itself it lets go of the lock first.
    """
    # The functions of this module take the default group of the time of import as a default argument.
    # Imported later, as torch does behind our back, it would hold the group to the end.
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


def from_main(work: Callable[[], Result]) -> Result:
    """What `work` returns in process 0, given to all; the others do not call it.

    Raises:
        UserError: `work` raised one; in all processes.
    """
    if not is_distributed():
        return work()
    told: list[Any] = [None, None]
    if rank() == 0:
        try:
            told[0] = work()
        except UserError as error:
            told[1] = str(error)
    dist.broadcast_object_list(told)
    if told[1] is not None:
        raise UserError(told[1])
    result: Result = told[0]
    return result


def together(work: Callable[[], Result]) -> Result:
    """Call `work` in every process and wait for all of them.

    Raises:
        UserError: `work` raised one in some process; in all processes, so that none waits in vain.
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
    for place, told in enumerate(messages):
        if told is not None:
            raise UserError(told if message == told else f"process {place}: {told}")
    return result


def _own_device(device: str) -> str:
    if device == "cpu":
        return device
    if device != "cuda":
        raise UserError(f"--device: got {device!r}, allowed with several processes: cpu, cuda")
    place, n = place_on_node(), torch.cuda.device_count()
    if place >= n:
        raise UserError(f"process {place + 1} of this node has no GPU, there are {n}; lower --nproc-per-node")
    torch.cuda.set_device(place)
    return f"cuda:{place}"
