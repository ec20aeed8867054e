"""Which backend runs the sweeps: the fastest that this machine can, or the one that was asked for.

SPIKEFRONT_BACKEND=torch, cpp or triton asks for one: if it cannot run, that is an error. Without it, a device
whose own backend cannot run falls back to torch, with one warning a process.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import cache

import torch

from snncore.errors import UserError
from snncore.sweeps.interface import Sweeps

VARIABLE = "SPIKEFRONT_BACKEND"


class SlowBackendWarning(UserWarning):
    """A device's own backend cannot run; the steps are the same, but slower."""


def _torch() -> Sweeps:
    from snncore.sweeps.torch_sweeps import TorchSweeps

    return TorchSweeps()


def _cpp() -> Sweeps:
    from snncore.sweeps.cpp_sweeps import CppSweeps

    return CppSweeps()


def _triton() -> Sweeps:
    from snncore.sweeps.triton_sweeps import TritonSweeps

    return TritonSweeps()


BACKENDS: dict[str, Callable[[], Sweeps]] = {"torch": _torch, "cpp": _cpp, "triton": _triton}
OF_DEVICE = {"cpu": "cpp", "cuda": "triton"}
ALLOWED = {"cpu": ("torch", "cpp"), "cuda": ("torch", "triton")}


def sweeps_for(device: torch.device) -> Sweeps:
    """The backend for tensors on a device; the same object on every call.

    Raises:
        UserError: SPIKEFRONT_BACKEND names one that cannot run here.
    """
    return _chosen(device.type, os.environ.get(VARIABLE) or None)


@cache
def _chosen(device: str, wanted: str | None) -> Sweeps:
    if wanted is not None:
        return _wanted(device, wanted)
    name = OF_DEVICE.get(device, "torch")
    try:
        return BACKENDS[name]()
    except (ImportError, RuntimeError, OSError) as error:
        warnings.warn(
            f"training on {device} runs in plain torch, which is slower: {error}", SlowBackendWarning, 2
        )
        return _torch()


def _wanted(device: str, wanted: str) -> Sweeps:
    allowed = ALLOWED.get(device, ("torch",))
    if wanted not in allowed:
        raise UserError(f"{VARIABLE}={wanted}: allowed on {device}: {', '.join(allowed)}")
    try:
        return BACKENDS[wanted]()
    except (ImportError, RuntimeError, OSError) as error:
        raise UserError(f"{VARIABLE}={wanted}: cannot run here: {error}") from error
