"""The devices that torch can train on, and their names."""

from __future__ import annotations

import torch

from snncore.errors import UserError
from snncore.machine import processor_model
from snncore.sweeps import sweeps_for


def describe_devices() -> str:
    """For example '2 x NVIDIA H200', or 'CPU only, 2 threads'."""
    n = torch.cuda.device_count()
    if n == 0:
        return f"CPU only, {torch.get_num_threads()} threads"
    names = sorted({torch.cuda.get_device_name(index) for index in range(n)})
    return f"{n} x {', '.join(names)}"


def default_device() -> str:
    """'cuda' if there is a GPU, else 'cpu'."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device_or_default(device: str | None) -> str:
    """`device` if this machine has it; the default one for None.

    Raises:
        UserError: this machine does not have it, or it is neither a CPU nor CUDA.
    """
    if device is None:
        return default_device()
    try:
        kind = torch.empty(0, device=device).device.type
    except (RuntimeError, AssertionError) as error:  # torch asserts where it was built without CUDA
        raise _not_here(device) from error
    if kind not in ("cpu", "cuda"):
        raise _not_here(device)
    return device


def _not_here(device: str) -> UserError:
    return UserError(
        f"device: got {device!r}, which this machine does not have; allowed: cpu; cuda with a GPU"
    )


def backend_name(device: str) -> str:
    """Name of the backend that trains on `device`: torch, cpp or triton (`snncore.sweeps`).

    Raises:
        UserError: SPIKEFRONT_BACKEND requests one that cannot run here.
    """
    return sweeps_for(torch.device(device)).name


def device_model(device: str) -> str:
    """Measurements are comparable if this is equal: "cpu: MODEL, BACKEND" or "cuda: MODEL, BACKEND".

    Raises:
        UserError: see `backend_name`.
    """
    is_cuda = torch.device(device).type == "cuda"
    name = torch.cuda.get_device_name(device) if is_cuda else processor_model()
    return f"{'cuda' if is_cuda else 'cpu'}: {name}, {backend_name(device)}"
