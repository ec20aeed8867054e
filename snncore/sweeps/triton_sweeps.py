"""The sweeps in Triton, for CUDA; for CPU tensors only under Triton's interpreter, in tests.

Importing this raises ImportError if triton is not installed. Kernels are compiled at their first use, into
Triton's cache on disk: once for each combination of dtypes, reset, surrogate and kind of terms, and anew for
sizes that are 1 or divisible by 16, whose loads are wider; not for each shape, T or decay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton  # type: ignore[import-untyped,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,unused-ignore]
from torch import Tensor

from snncore.config.schema import NeuronConfig
from snncore.neuron.precision import working_dtype
from snncore.sweeps import triton_neuron, triton_rows
from snncore.sweeps.interface import Fired, Norm, Term
from snncore.sweeps.torch_sweeps import count_dtype

BLOCK_BYTES = 2048
"""Of each term, for a program of the neuron: 16, one full load, for each of the 128 threads of a program."""
TILE_BYTES = 4096
"""Of a tile of rows: two such loads per thread. A larger tile runs out of registers in float64."""
CHUNKS = 1024
"""Limit of programs in the first stage of a sum: about 8 for each multiprocessor of a large device."""
COLUMNS = 8
"""Channels of a program of the second stage: 32 bytes of float32, the smallest memory transaction."""

_INTERPRETED = not isinstance(triton_neuron.fire, triton.JITFunction)


class TritonSweeps:
    """For CUDA. The order of sums does not depend on the device: the same data give the same bits."""

    name = "triton"

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance, (C,), by Welford's method."""
        _check(x)
        rows, wide = _Rows.of(x), working_dtype(x.dtype)
        means, squares = (x.new_empty((rows.chunks, rows.C), dtype=wide) for _ in range(2))
        mean, variance = (x.new_empty(rows.C, dtype=wide) for _ in range(2))
        sizes = (rows.M, rows.C, rows.chunks, rows.tiles * rows.tile["ROWS"])
        with torch.cuda.device_of(x):
            triton_rows.chunk_statistics[rows.grid](
                x, means, squares, rows.M, rows.C, rows.tiles, **rows.tile, WIDE=_TL[wide], **_OPTIONS
            )
            triton_rows.merge_statistics[(triton.cdiv(rows.C, COLUMNS),)](
                means, squares, mean, variance, *sizes, CHUNKS=CHUNKS, WIDE=_TL[wide], **_MERGE
            )
        return mean, variance

    def fire(self, terms: Sequence[Term], T: int, neuron: NeuronConfig, into: Tensor | None = None) -> Tensor:
        """Spikes (T, P, C)."""
        launch = _Launch.of(terms, T, neuron)
        spikes = launch.x.new_empty((T, *launch.x.shape[1:])) if into is None else into
        with torch.cuda.device_of(launch.x):
            triton_neuron.fire[launch.grid](*launch.terms, spikes, *launch.numbers[:-1], **launch.kind)
        return spikes

    def fire_with_trace(
        self, terms: Sequence[Term], T: int, neuron: NeuronConfig, into: Tensor | None = None
    ) -> Fired:
        """Spikes, counts, traces, and the mean of each normalised term."""
        launch = _Launch.of(terms, T, neuron)
        shape = launch.x.shape[1:]
        spikes = launch.x.new_empty((T, *shape)) if into is None else into
        count = launch.x.new_empty(shape, dtype=count_dtype(T))
        trace = launch.x.new_empty(shape)
        normed = [None if norm is None else launch.x.new_empty(shape) for norm in launch.terms[1::2]]
        with torch.cuda.device_of(launch.x):
            triton_neuron.fire_with_trace[launch.grid](
                *launch.terms,
                spikes,
                count,
                trace,
                *normed,
                *launch.numbers,
                **launch.kind,
                **_gradient(neuron),
            )
        return Fired(spikes, count, trace, tuple(x for x in normed if x is not None))

    def fire_backward(self, terms: Sequence[Term], grad: Tensor, T: int, neuron: NeuronConfig) -> Tensor:
        """Backpropagation through time. Potentials use the result's memory; for bfloat16 a float32 buffer."""
        _check(grad)
        launch = _Launch.of(terms, T, neuron)
        out = torch.empty_like(grad)
        wide = working_dtype(launch.x.dtype)
        potentials = out if out.dtype == wide else torch.empty_like(grad, dtype=wide)
        with torch.cuda.device_of(launch.x):
            triton_neuron.fire_backward[launch.grid](
                *launch.terms, grad, potentials, out, *launch.numbers, **launch.kind, **_gradient(neuron)
            )
        return out

    def norm_backward_sums(
        self, grad: Tensor, x: Tensor, norm: Norm | None, trace: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """h, Σh, Σh·x̂."""
        _check(grad, x, trace, *(norm or ()))
        rows, wide = _Rows.of(grad), working_dtype(grad.dtype)
        h = grad if trace is None else torch.empty_like(grad)
        partial = grad.new_empty((2, rows.chunks, rows.C), dtype=wide)
        sums = grad.new_empty((2, rows.C), dtype=wide)
        sizes = (rows.M, rows.C, rows.tiles, rows.chunks)
        with torch.cuda.device_of(grad):
            triton_rows.chunk_norm_sums[rows.grid](
                grad, x, norm, trace, h, partial, *sizes, **rows.tile, WIDE=_TL[wide], **_OPTIONS
            )
            triton_rows.merge_sums[(triton.cdiv(rows.C, COLUMNS), 2)](
                partial, sums, rows.C, rows.chunks, CHUNKS=CHUNKS, **_MERGE
            )
        return h, sums[0], sums[1]

    def norm_backward(
        self, h: Tensor, x: Tensor, norm: Norm | None, scale: Tensor, mean_h: Tensor, mean_hx: Tensor
    ) -> Tensor:
        """scale·(h − mean_h − x̂·mean_hx)."""
        _check(h, x, scale, mean_h, mean_hx, *(norm or ()))
        rows, out = _Rows.of(h), torch.empty_like(h)
        sizes, wide = (rows.M, rows.C, rows.tiles), _TL[working_dtype(h.dtype)]
        with torch.cuda.device_of(h):
            triton_rows.norm_backward[rows.grid](
                h, x, norm, scale, mean_h, mean_hx, out, *sizes, **rows.tile, WIDE=wide, **_OPTIONS
            )
        return out


class _Launch(NamedTuple):
    """Arguments that the neuron kernels share. terms: x and norm of two terms, None for those missing."""

    x: Tensor
    terms: tuple[Tensor, Norm | None, Tensor | None, Norm | None]
    numbers: tuple[int | float, ...]
    grid: tuple[int]
    kind: dict[str, Any]

    @staticmethod
    def of(terms: Sequence[Term], T: int, neuron: NeuronConfig) -> _Launch:
        for term in terms:
            _check(term.x, *(term.norm or ()))
        (x, norm), (second, second_norm) = terms if len(terms) == 2 else (terms[0], (None, None))
        n = x[0].numel()
        block = BLOCK_BYTES // x.element_size()
        kind = {
            "STILL0": len(x) == 1,
            "STILL1": second is None or len(second) == 1,
            "HARD": neuron.reset == "hard",
            "BLOCK": block,
            "WIDE": _TL[working_dtype(x.dtype)],
            **_OPTIONS,
        }
        numbers = (T, n, x.shape[-1], neuron.decay, neuron.v_threshold, neuron.surrogate_slope)
        return _Launch(x, (x, norm, second, second_norm), numbers, (triton.cdiv(n, block),), kind)


class _Rows(NamedTuple):
    """How a matrix (M, C) is divided: `chunks` chunks of `tiles` tiles; grid: chunks × blocks of channels."""

    M: int
    C: int
    tiles: int
    chunks: int
    grid: tuple[int, int]
    tile: dict[str, int]

    @staticmethod
    def of(x: Tensor) -> _Rows:
        M, C = x.shape
        columns = min(triton.next_power_of_2(C), 128)
        rows = TILE_BYTES // x.element_size() // columns
        n_tiles, n_blocks = triton.cdiv(M, rows), triton.cdiv(C, columns)
        tiles = triton.cdiv(n_tiles, max(1, CHUNKS // n_blocks))
        chunks = triton.cdiv(n_tiles, tiles)
        return _Rows(M, C, tiles, chunks, (chunks, n_blocks), {"ROWS": rows, "COLUMNS": columns})


_OPTIONS = {"enable_fp_fusion": True}  # explicit, because its default differs between versions of Triton
_MERGE = {"COLUMNS": COLUMNS, "num_warps": 8, **_OPTIONS}
_TL = {torch.float32: tl.float32, torch.float64: tl.float64}


def _gradient(neuron: NeuronConfig) -> dict[str, Any]:
    return {"DETACH": neuron.detach_reset, "SURROGATE": neuron.surrogate}


def _check(*tensors: Tensor | None) -> None:
    """Raise ValueError for a tensor that is not on a CUDA device; None is skipped."""
    for x in tensors:
        if x is None:
            continue
        if not (x.is_cuda or _INTERPRETED):
            raise ValueError(f"the triton sweeps run on CUDA tensors; got one on {x.device}")
        assert x.is_contiguous(), "the sweeps take contiguous tensors"
