# mypy: ignore-errors
# (kernels are compiled by Triton: their names are pointers and blocks of numbers, which mypy cannot check)
"""Triton kernels over the rows of a matrix (M, C): statistics, and the two sweeps of batch norm's backward.

A program handles one chunk of rows, `tiles` tiles of ROWS, and COLUMNS channels, whose statistics it reads
once. Sums take two stages: first each chunk, then one program adds up to CHUNKS chunks. There are no atomics,
so the same data give the same bits. Offsets of chunks are 64-bit. WIDE: dtype of the arithmetic.
Each function has one return: Triton compiles the code after a return in an `if`, whether it is taken or not.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["M", "tiles"])
def chunk_statistics(
    x, means, squares, M, C, tiles, ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDE: tl.constexpr
):  # fmt: skip
    """Per chunk: the mean, and the sum of squared distances from it; means, squares: (chunks, C).

    By Welford's updates, one series for each row of the tile, merged at the end: sums of x² would lose a
    spread that is far below the mean.
    """
    first, row, column, offset = _tile(C, tiles, ROWS, COLUMNS)
    mean = tl.zeros([ROWS, COLUMNS], WIDE)
    square = mean
    for i in range(tiles):
        at = first + i * ROWS
        inside = _inside(at, row, column, M, C)
        value = tl.load(x + at * C + offset, inside, other=0).to(WIDE)
        distance = tl.where(inside, value - mean, 0)
        mean += distance / (i + 1)
        square += distance * (value - mean)
    n_rows = tl.minimum(M - first, tiles * ROWS)
    seen = ((n_rows - row + ROWS - 1) // ROWS).to(WIDE)  # rows that each row of the tile has read
    mean, square = _merged(seen[:, None], mean, square, n_rows.to(WIDE))
    out = tl.program_id(0) * C + column
    tl.store(means + out, mean, column < C)
    tl.store(squares + out, square, column < C)


@triton.jit(do_not_specialize=["M", "chunks", "chunk_rows"])
def merge_statistics(
    means, squares, mean, variance, M, C, chunks, chunk_rows,
    CHUNKS: tl.constexpr, COLUMNS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """(chunks, C) of `chunk_statistics` -> mean and biased variance, (C,)."""
    chunk, column, offset, inside = _partials(chunks, C, CHUNKS, COLUMNS)
    n_rows = tl.minimum(M - chunk.to(tl.int64) * chunk_rows, chunk_rows)
    n_rows = tl.maximum(n_rows, 0).to(WIDE)[:, None]
    means_ = tl.load(means + offset, inside, other=0)
    squares_ = tl.load(squares + offset, inside, other=0)
    mean_, square = _merged(n_rows, means_, squares_, tl.full((), M, WIDE))
    tl.store(mean + column, mean_, column < C)
    tl.store(variance + column, square / M, column < C)


@triton.jit(do_not_specialize=["M", "tiles", "chunks"])
def chunk_norm_sums(
    grad, x, norm, trace, h, sums, M, C, tiles, chunks,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """h = grad·trace, and per chunk Σh and Σh·x̂: sums (2, chunks, C). norm or trace may be None."""
    first, row, column, offset = _tile(C, tiles, ROWS, COLUMNS)
    mean, inverse_std = _norm_of(norm, column, C, WIDE)
    sum_h = tl.zeros([ROWS, COLUMNS], WIDE)
    sum_hx = sum_h
    for i in range(tiles):
        at = first + i * ROWS
        inside = _inside(at, row, column, M, C)
        h_ = tl.load(grad + at * C + offset, inside, other=0)
        if trace is not None:
            product = h_.to(WIDE) * tl.load(trace + at * C + offset, inside, other=0).to(WIDE)
            h_ = product.to(h.dtype.element_ty)  # the sums are of the values that are stored
            tl.store(h + at * C + offset, h_, inside)
        h_ = h_.to(WIDE)
        x_ = tl.load(x + at * C + offset, inside, other=0).to(WIDE)
        sum_h += h_
        sum_hx += h_ * _x_hat(norm, x_, mean, inverse_std)
    out = tl.program_id(0) * C + column
    tl.store(sums + out, tl.sum(sum_h, 0), column < C)
    tl.store(sums + chunks * C + out, tl.sum(sum_hx, 0), column < C)


@triton.jit(do_not_specialize=["chunks"])
def merge_sums(sums, out, C, chunks, CHUNKS: tl.constexpr, COLUMNS: tl.constexpr):
    """(2, chunks, C) -> (2, C)."""
    _, column, offset, inside = _partials(chunks, C, CHUNKS, COLUMNS)
    which = tl.program_id(1)
    values = tl.load(sums + which * chunks * C + offset, inside, other=0)
    tl.store(out + which * C + column, tl.sum(values, 0), column < C)


@triton.jit(do_not_specialize=["M", "tiles"])
def norm_backward(
    h, x, norm, scale, mean_h, mean_hx, out, M, C, tiles,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """scale·(h − mean_h − x̂·mean_hx); norm may be None."""
    first, row, column, offset = _tile(C, tiles, ROWS, COLUMNS)
    mean, inverse_std = _norm_of(norm, column, C, WIDE)
    scale_ = tl.load(scale + column, column < C, other=0).to(WIDE)
    mean_h_ = tl.load(mean_h + column, column < C, other=0).to(WIDE)
    mean_hx_ = tl.load(mean_hx + column, column < C, other=0).to(WIDE)
    for i in range(tiles):
        at = first + i * ROWS
        inside = _inside(at, row, column, M, C)
        h_ = tl.load(h + at * C + offset, inside, other=0).to(WIDE)
        x_ = _x_hat(norm, tl.load(x + at * C + offset, inside, other=0).to(WIDE), mean, inverse_std)
        tl.store(out + at * C + offset, scale_ * (h_ - mean_h_ - x_ * mean_hx_), inside)


@triton.jit
def _tile(C, tiles, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """First row of the program's chunk; rows and columns of a tile; offsets of its elements."""
    first = tl.program_id(0).to(tl.int64) * tiles * ROWS
    row = tl.arange(0, ROWS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    return first, row, column, row[:, None] * C + column[None, :]


@triton.jit
def _inside(at, row, column, M, C):
    return (at + row < M)[:, None] & (column < C)[None, :]


@triton.jit
def _partials(chunks, C, CHUNKS: tl.constexpr, COLUMNS: tl.constexpr):
    chunk = tl.arange(0, CHUNKS)
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (chunk < chunks)[:, None] & (column < C)[None, :]
    return chunk, column, chunk[:, None] * C + column[None, :], inside


@triton.jit
def _merged(n, mean, square, n_all):
    """Chan's formula: mean and sum of squared distances of parts of n rows each -> those of all n_all
    rows."""
    rough_mean = tl.sum(n * mean, 0) / n_all
    # Sums of a large mean round it; the sum of the differences gives the rounding error.
    mean_all = rough_mean + tl.sum(n * (mean - rough_mean[None, :]), 0) / n_all
    distance = mean - mean_all[None, :]
    return mean_all, tl.sum(square + n * distance * distance, 0)


@triton.jit
def _norm_of(norm, column, C, WIDE: tl.constexpr):
    if norm is None:
        mean, inverse_std = 0.0, 1.0
    else:
        mean = tl.load(norm.mean + column, column < C, other=0).to(WIDE)
        inverse_std = tl.load(norm.inverse_std + column, column < C, other=0).to(WIDE)
    return mean, inverse_std


@triton.jit
def _x_hat(norm, x, mean, inverse_std):
    return x if norm is None else (x - mean) * inverse_std
