"""Chooses the backend of the sweeps: the fastest that runs on this machine, or the one requested.

SPIKEFRONT_BACKEND=torch, cpp or triton requests one; it is an error if it cannot run. Without it, a device
whose fast backend cannot run uses torch, with one warning per process.
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
    """The fast backend of a device cannot run; results are the same, but slower."""


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
DEFAULT_BACKENDS = {"cpu": "cpp", "cuda": "triton"}
ALLOWED = {"cpu": ("torch", "cpp"), "cuda": ("torch", "triton")}


def sweeps_for(device: torch.device) -> Sweeps:
    """The backend for tensors on a device; the same object on every call.

    Raises:
        UserError: SPIKEFRONT_BACKEND requests one that cannot run here.
    """
    return _backend(device.type, os.environ.get(VARIABLE) or None)


@cache
def _backend(device: str, requested: str | None) -> Sweeps:
    if requested is not None:
        return _requested(device, requested)
    name = DEFAULT_BACKENDS.get(device, "torch")
    try:
        return BACKENDS[name]()
    except (ImportError, RuntimeError, OSError) as error:
        warnings.warn(
            f"training on {device} runs in plain torch, which is slower: {error}", SlowBackendWarning, 2
        )
        return _torch()


def _requested(device: str, requested: str) -> Sweeps:
    allowed = ALLOWED.get(device, ("torch",))
    if requested not in allowed:
        raise UserError(f"{VARIABLE}={requested}: allowed on {device}: {', '.join(allowed)}")
    try:
        return BACKENDS[requested]()
    except (ImportError, RuntimeError, OSError) as error:
        raise UserError(f"{VARIABLE}={requested}: cannot run here: {error}") from error
