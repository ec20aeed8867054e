"""The sweeps compiled for a CPU: `sweeps.cpp` called through ctypes, with as many threads as torch."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, Structure, c_double, c_int, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snncore.config.schema import NeuronConfig
from snncore.neuron.precision import working_dtype
from snncore.sweeps.compiler import NoCompilerError, library
from snncore.sweeps.interface import Fired, Norm, Term
from snncore.sweeps.torch_sweeps import count_dtype

__all__ = ["CppSweeps", "NoCompilerError"]

_TYPES = {torch.float32: "float", torch.float64: "double", torch.bfloat16: "bf16"}
_SURROGATES = ("sigmoid", "rectangular", "triangle", "arctan")
_RESETS = (("soft", True), ("soft", False), ("hard", True), ("hard", False))


class _TermArgument(Structure):
    _fields_ = (
        ("x", c_void_p),
        ("step", c_int64),
        ("mean", c_void_p),
        ("inverse_std", c_void_p),
        ("gamma", c_void_p),
        ("beta", c_void_p),
        ("normed", c_void_p),
    )


class _Neuron(Structure):
    _fields_ = (
        ("decay", c_double),
        ("threshold", c_double),
        ("slope", c_double),
        ("surrogate", c_int32),
        ("reset", c_int32),
    )


_ARGUMENTS = {
    "statistics": (c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int),
    "fire": (
        *(POINTER(_TermArgument), c_int, c_int64, c_int64, c_int64, POINTER(_Neuron)),
        *(c_void_p, c_int),
    ),
    "fire_backward": (
        *(POINTER(_TermArgument), c_int, c_int64, c_int64, c_int64, POINTER(_Neuron)),
        *(c_void_p, c_void_p, c_int),
    ),
    "fire_with_trace": (
        *(POINTER(_TermArgument), c_int, c_int64, c_int64, c_int64, POINTER(_Neuron)),
        *(c_void_p, c_void_p, c_void_p, c_int),
    ),
    "norm_backward_sums": (
        *(c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_int64, c_int64),
        *(c_void_p, c_void_p, c_void_p, c_int),
    ),
    "norm_backward": (
        *(c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_int64, c_int64),
        *(c_void_p, c_int),
    ),
}


class CppSweeps:
    """For CPU tensors of float32, float64 or bfloat16, of one dtype per call.

    Raises:
        NoCompilerError: the library has not been built and cannot be.
    """

    name = "cpp"

    def __init__(self) -> None:
        _functions(torch.float32)

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance, (C,)."""
        rows, channels = x.shape
        mean, variance = (x.new_empty(channels, dtype=working_dtype(x.dtype)) for _ in range(2))
        _call("statistics", x.dtype, x, rows, channels, mean, variance)
        return mean, variance

    def fire(self, terms: Sequence[Term], T: int, neuron: NeuronConfig, into: Tensor | None = None) -> Tensor:
        """Spikes (T, P, C)."""
        positions, channels = terms[0].x.shape[1:]
        spikes = terms[0].x.new_empty((T, positions, channels)) if into is None else into
        arguments = _term_arguments(terms, ())
        _call("fire", spikes.dtype, *arguments, T, positions, channels, _neuron(neuron), spikes)
        return spikes

    def fire_with_trace(
        self, terms: Sequence[Term], T: int, neuron: NeuronConfig, into: Tensor | None = None
    ) -> Fired:
        """Spikes, counts, traces, and the mean of each normalised term."""
        positions, channels = terms[0].x.shape[1:]
        spikes = terms[0].x.new_empty((T, positions, channels)) if into is None else into
        count = spikes.new_empty((positions, channels), dtype=count_dtype(T))
        trace = spikes.new_empty((positions, channels))
        normed = tuple(torch.empty_like(trace) for term in terms if term.norm is not None)
        arguments = (*_term_arguments(terms, normed), T, positions, channels, _neuron(neuron))
        _call("fire_with_trace", spikes.dtype, *arguments, spikes, count, trace)
        return Fired(spikes, count, trace, normed)

    def fire_backward(self, terms: Sequence[Term], grad: Tensor, T: int, neuron: NeuronConfig) -> Tensor:
        """Backpropagation through time."""
        positions, channels = terms[0].x.shape[1:]
        out = torch.empty_like(grad)
        arguments = (*_term_arguments(terms, ()), T, positions, channels, _neuron(neuron))
        _call("fire_backward", grad.dtype, *arguments, grad, out)
        return out

    def norm_backward_sums(
        self, grad: Tensor, x: Tensor, norm: Norm | None, trace: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """h, Σh, Σh·x̂."""
        rows, channels = grad.shape
        h = grad if trace is None else torch.empty_like(grad)
        sums = grad.new_empty((2, channels), dtype=working_dtype(grad.dtype))
        statistics = (None, None) if norm is None else (norm.mean, norm.inverse_std)
        _call(
            "norm_backward_sums",
            _common(grad, x, trace),
            grad,
            x,
            *statistics,
            trace,
            rows,
            channels,
            h,
            sums[0],
            sums[1],
        )
        return h, sums[0], sums[1]

    def norm_backward(
        self, h: Tensor, x: Tensor, norm: Norm | None, scale: Tensor, mean_h: Tensor, mean_hx: Tensor
    ) -> Tensor:
        """scale·(h − mean_h − x̂·mean_hx)."""
        rows, channels = h.shape
        out = torch.empty_like(h)
        statistics = (None, None) if norm is None else (norm.mean, norm.inverse_std)
        _call("norm_backward", _common(h, x), h, x, *statistics, scale, mean_h, mean_hx, rows, channels, out)
        return out


def _call(sweep: str, dtype: torch.dtype, *arguments: object) -> None:
    """Run a sweep on data of `dtype`; each tensor is passed as the address of its data."""
    _functions(dtype)[sweep](*(_address(argument) for argument in arguments), torch.get_num_threads())


def _common(*tensors: Tensor | None) -> torch.dtype:
    dtypes = {tensor.dtype for tensor in tensors if tensor is not None}
    if len(dtypes) != 1:
        raise ValueError(f"cpp sweeps: need tensors of one dtype, got {dtypes}")
    return dtypes.pop()


def _address(argument: object) -> object:
    if not isinstance(argument, Tensor):
        return argument
    if argument.device.type != "cpu" or not argument.is_contiguous():
        raise ValueError(f"cpp sweeps: need contiguous tensors on the CPU, got one on {argument.device}")
    return argument.data_ptr()


def _term_arguments(terms: Sequence[Term], normed: Sequence[Tensor]) -> tuple[object, int]:
    """The terms as a C array and its length; valid as long as the caller holds `terms` and `normed`."""
    outputs = iter(normed)
    arguments = []
    for x, norm in terms:
        step = 0 if len(x) == 1 else x[0].numel()
        statistics = (None,) * 4 if norm is None else tuple(_address(part) for part in norm)
        output = None if norm is None else _address(next(outputs, None))
        arguments.append(_TermArgument(_address(x), step, *statistics, output))
    return (_TermArgument * len(arguments))(*arguments), len(arguments)


@cache
def _neuron(neuron: NeuronConfig) -> object:
    reset = _RESETS.index((neuron.reset, neuron.detach_reset))
    surrogate = _SURROGATES.index(neuron.surrogate)
    return _Neuron(neuron.decay, neuron.v_threshold, neuron.surrogate_slope, surrogate, reset)


@cache
def _functions(dtype: torch.dtype) -> dict[str, Any]:
    """The compiled sweeps for one dtype. They use the OpenMP runtime that torch has loaded: with two runtimes
    in one process, the threads of each would wait for those of the other."""
    runtime = _openmp_of_torch()
    if runtime is not None:
        ctypes.CDLL(str(runtime), mode=ctypes.RTLD_GLOBAL)
    opened = ctypes.CDLL(str(library(_TYPES[dtype])))
    functions = {}
    for sweep, arguments in _ARGUMENTS.items():
        functions[sweep] = opened[f"{sweep}_"]
        functions[sweep].argtypes, functions[sweep].restype = arguments, None
    return functions


def _openmp_of_torch() -> Path | None:
    """The OpenMP library that this process has already loaded; None if there is none, or not on Linux."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        path = Path(line.partition("/")[1] + line.partition("/")[2])
        if path.name.startswith(("libgomp", "libiomp", "libomp")):
            return path
    return None
