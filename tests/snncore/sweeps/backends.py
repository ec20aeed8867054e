"""The backends under test. Each is called with CPU tensors and answers with CPU tensors, wherever it runs.

Triton's interpreter must be chosen before triton is first imported, and then stays for the whole process. So
it runs in a process of its own (`interpreted.py`), started once, which takes calls through a pipe.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor


class Backend:
    """The sweeps of the protocol, as attributes. Each call also holds that no argument was written over."""

    def __init__(self, name: str, call: Callable[..., Any], cuts_off_bfloat16: bool = False) -> None:
        self.name = name
        self.cuts_off_bfloat16 = cuts_off_bfloat16
        self._call = call

    def __getattr__(self, sweep: str) -> Callable[..., Any]:
        return partial(self._call, sweep)


def checked_call(sweeps: Any, sweep: str, *arguments: Any) -> Any:
    """Call a sweep, and fail if an argument is not what it was; spikes may be written into one."""
    before = mapped(torch.clone, arguments)
    result = getattr(sweeps, sweep)(*arguments)
    into = arguments[3].data_ptr() if len(arguments) == 4 and isinstance(arguments[3], Tensor) else None
    for old, new in zip(tensors(before), tensors(arguments), strict=True):
        if new.data_ptr() == into and sweep in ("fire", "fire_with_trace"):
            continue
        assert torch.equal(old.view(torch.uint8), new.view(torch.uint8)), f"{sweep} wrote over an argument"
    return result


def mapped(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`function` of every tensor in nested tuples and lists, named ones too."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(function, part) for part in value))
    if isinstance(value, tuple | list):
        return type(value)(mapped(function, part) for part in value)
    return value


def tensors(value: Any) -> list[Tensor]:
    found: list[Tensor] = []
    mapped(lambda x: found.append(x) or x, value)  # type: ignore[func-returns-value]
    return found


def torch_backend() -> Backend:
    from snncore.sweeps.torch_sweeps import TorchSweeps

    return Backend("torch", partial(checked_call, TorchSweeps()))


def cpp_backend() -> Backend:
    if find_spec("snncore.sweeps.cpp_sweeps") is None:
        pytest.skip("snncore.sweeps.cpp_sweeps is not there")
    from snncore.sweeps.cpp_sweeps import CppSweeps, NoCompilerError

    try:
        return Backend("cpp", partial(checked_call, CppSweeps()))
    except NoCompilerError as error:
        pytest.skip(f"no compiler: {error}")


def triton_on_cuda() -> Backend:
    """The compiled kernels."""
    pytest.importorskip("triton", reason="triton is not installed")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from snncore.sweeps.triton_sweeps import TritonSweeps

    def call(sweep: str, *arguments: Any) -> Any:
        on_device = mapped(lambda x: x.cuda(), arguments)
        return mapped(lambda x: x.cpu(), checked_call(TritonSweeps(), sweep, *on_device))

    return Backend("triton on CUDA", call)


class Interpreted:
    """Triton's interpreter, which cuts float32 off to bfloat16 where a device rounds it."""

    def __init__(self) -> None:
        if find_spec("triton") is None:
            pytest.skip("triton is not installed")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.snncore.sweeps.interpreted"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TRITON_INTERPRET": "1"},
        )
        self._why_not = self._receive()

    def backend(self) -> Backend:
        if self._why_not is not None:
            pytest.skip(self._why_not)
        return Backend("triton", self._call, cuts_off_bfloat16=True)

    def _call(self, sweep: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        pickle.dump((sweep, arguments), self._process.stdin)
        self._process.stdin.flush()
        result = self._receive()
        if isinstance(result, Exception):
            raise result
        return result

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)

    def close(self) -> None:
        self._process.communicate()
