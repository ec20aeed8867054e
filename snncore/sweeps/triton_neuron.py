# mypy: ignore-errors
# (kernels are compiled by Triton: their names are pointers and blocks of numbers, which mypy cannot check)
"""Triton kernels of the neuron: each program runs T steps of one block, the potential in registers.

A block is flat: BLOCK elements of one step's P·C (`n`), channel = element % C; loads are aligned for any C.
Offsets of blocks and of steps are 64-bit: T·P·C and P·C may exceed 2^31.
T is a runtime argument, so a search that varies it compiles nothing again. So are decay, threshold and slope,
in float64; a kernel for float32 data rounds them to float32.
Terms are x0 with norm0 and x1 with norm1, pointers; x1 and both norms may be None. STILL: one step for all T.
WIDE: dtype of the arithmetic.
Each function has one return: Triton compiles the code after a return in an `if`, whether it is taken or not.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

HALF_PI = tl.constexpr(0.5 * math.pi)


@triton.jit(do_not_specialize=["T"])
def fire(
    x0, norm0, x1, norm1, spikes, T, n, C, decay: tl.float64, threshold: tl.float64,
    STILL0: tl.constexpr, STILL1: tl.constexpr, HARD: tl.constexpr,
    BLOCK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Spikes (T, n)."""
    start, lane, left, channel = _block(n, C, BLOCK)
    inside = lane < left
    decay, threshold = _scalar(decay, WIDE), _scalar(threshold, WIDE)
    a0, b0 = _coefficients(norm0, channel, inside, WIDE)
    a1, b1 = _coefficients(norm1, channel, inside, WIDE)
    now0 = _read(x0, start, lane, inside)
    now1 = _read(x1, start, lane, inside)
    v = tl.zeros([BLOCK], WIDE)
    for t in range(T):
        current = _current(now0, norm0, a0, b0, x1, now1, norm1, a1, b1, WIDE)
        at = start + tl.cast(t, tl.int64) * n
        # The next step is loaded before this one is stored: the compiler must keep their order.
        left_next = tl.where(t + 1 < T, left, 0)
        if not STILL0:
            now0 = _read(x0, at + n, lane, lane < left_next)
        if not STILL1:
            now1 = _read(x1, at + n, lane, lane < left_next)
        v = v * decay + current
        spike = (v >= threshold).to(WIDE)
        tl.store(spikes + at + lane, spike, inside)
        v = _reset(v, spike, threshold, HARD)


@triton.jit(do_not_specialize=["T"])
def fire_with_trace(
    x0, norm0, x1, norm1, spikes, count, trace, normed0, normed1, T, n, C,
    decay: tl.float64, threshold: tl.float64, k: tl.float64,
    STILL0: tl.constexpr, STILL1: tl.constexpr, HARD: tl.constexpr, DETACH: tl.constexpr,
    SURROGATE: tl.constexpr, BLOCK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """As `fire`; also count, trace and the mean of each normalised term (n). normed is None without a
    norm."""
    start, lane, left, channel = _block(n, C, BLOCK)
    inside = lane < left
    decay, threshold, k = _scalar(decay, WIDE), _scalar(threshold, WIDE), _scalar(k, WIDE)
    a0, b0 = _coefficients(norm0, channel, inside, WIDE)
    a1, b1 = _coefficients(norm1, channel, inside, WIDE)
    now0 = _read(x0, start, lane, inside)
    now1 = _read(x1, start, lane, inside)
    v = tl.zeros([BLOCK], WIDE)
    f = v + 1
    slopes, fired, total0, total1 = v, v, v, v
    for t in range(T):
        current = _current(now0, norm0, a0, b0, x1, now1, norm1, a1, b1, WIDE)
        if normed0 is not None:
            total0 += now0.to(WIDE)
        if normed1 is not None:
            total1 += now1.to(WIDE)
        at = start + tl.cast(t, tl.int64) * n
        left_next = tl.where(t + 1 < T, left, 0)
        if not STILL0:
            now0 = _read(x0, at + n, lane, lane < left_next)
        if not STILL1:
            now1 = _read(x1, at + n, lane, lane < left_next)
        v = v * decay + current
        spike = (v >= threshold).to(WIDE)
        tl.store(spikes + at + lane, spike, inside)
        slope = _slope(v - threshold, k, SURROGATE)
        slopes += slope * f
        fired += spike
        f = 1 + decay * _reset_derivative(v, spike, slope, threshold, HARD, DETACH) * f
        v = _reset(v, spike, threshold, HARD)
    tl.store(count + start + lane, fired.to(tl.int32), inside)
    tl.store(trace + start + lane, slopes / T, inside)
    _write_normed(normed0, norm0, total0, T, start, lane, inside, channel, WIDE)
    _write_normed(normed1, norm1, total1, T, start, lane, inside, channel, WIDE)


@triton.jit(do_not_specialize=["T"])
def fire_backward(
    x0, norm0, x1, norm1, grad, potentials, out, T, n, C,
    decay: tl.float64, threshold: tl.float64, k: tl.float64,
    STILL0: tl.constexpr, STILL1: tl.constexpr, HARD: tl.constexpr, DETACH: tl.constexpr,
    SURROGATE: tl.constexpr, BLOCK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """BPTT: dL/d(spikes) -> dL/d(current), (T, n). potentials (T, n) of WIDE is scratch, and may be `out`.

    The steps run once and store their potentials before the reset, which the backward loop reads. T of them
    do not fit into registers; while T is small, those of a block are still in the cache.
    """
    start, lane, left, channel = _block(n, C, BLOCK)
    inside = lane < left
    decay, threshold, k = _scalar(decay, WIDE), _scalar(threshold, WIDE), _scalar(k, WIDE)
    a0, b0 = _coefficients(norm0, channel, inside, WIDE)
    a1, b1 = _coefficients(norm1, channel, inside, WIDE)
    now0 = _read(x0, start, lane, inside)
    now1 = _read(x1, start, lane, inside)
    v = tl.zeros([BLOCK], WIDE)
    for t in range(T):
        current = _current(now0, norm0, a0, b0, x1, now1, norm1, a1, b1, WIDE)
        at = start + tl.cast(t, tl.int64) * n
        left_next = tl.where(t + 1 < T, left, 0)
        if not STILL0:
            now0 = _read(x0, at + n, lane, lane < left_next)
        if not STILL1:
            now1 = _read(x1, at + n, lane, lane < left_next)
        v = v * decay + current
        tl.store(potentials + at + lane, v, inside)
        v = _reset(v, (v >= threshold).to(WIDE), threshold, HARD)

    # An element may be read by another thread than the one that wrote it: each access has its own layout.
    tl.debug_barrier()
    carried = tl.zeros([BLOCK], WIDE)  # dL/d(potential after the reset)
    for i in range(T):
        at = start + tl.cast(T - 1 - i, tl.int64) * n
        v = tl.load(potentials + at + lane, inside, other=0)
        spike = (v >= threshold).to(WIDE)
        slope = _slope(v - threshold, k, SURROGATE)
        carried *= _reset_derivative(v, spike, slope, threshold, HARD, DETACH)
        carried += slope * tl.load(grad + at + lane, inside, other=0).to(WIDE)
        tl.store(out + at + lane, carried, inside)
        carried *= decay


@triton.jit
def _block(n, C, BLOCK: tl.constexpr):
    """First element of the program, its lanes, how many lanes hold elements, and their channels."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    lane = tl.arange(0, BLOCK)
    # The 64-bit division is of scalars; that of the lanes stays within 32 bits.
    channel = ((start % C).to(tl.int32) + lane) % C
    return start, lane, tl.minimum(n - start, BLOCK).to(tl.int32), channel


@triton.jit
def _scalar(value, WIDE: tl.constexpr):
    """A scalar argument in WIDE; under the interpreter it is a Python float."""
    return tl.full((), value, WIDE)


@triton.jit
def _coefficients(norm, channel, inside, WIDE: tl.constexpr):
    """a, b of the norm as x -> a·x + b; without a norm they are not used."""
    if norm is None:
        scale, shift = 1.0, 0.0
    else:
        scale = tl.load(norm.inverse_std + channel, inside, other=0).to(WIDE)
        scale *= tl.load(norm.gamma + channel, inside, other=0)
        shift = tl.load(norm.beta + channel, inside, other=0)
        shift -= tl.load(norm.mean + channel, inside, other=0) * scale
    return scale, shift


@triton.jit
def _read(x, at, lane, inside):
    return 0.0 if x is None else tl.load(x + at + lane, inside, other=0)


@triton.jit
def _current(now0, norm0, a0, b0, x1, now1, norm1, a1, b1, WIDE: tl.constexpr):
    """Sum of the terms at one step; without the second if `x1` is None."""
    current = _normalised(now0, norm0, a0, b0, WIDE)
    if x1 is not None:
        current += _normalised(now1, norm1, a1, b1, WIDE)
    return current


@triton.jit
def _normalised(x, norm, a, b, WIDE: tl.constexpr):
    return x.to(WIDE) if norm is None else x.to(WIDE) * a + b


@triton.jit
def _write_normed(normed, norm, total, T, start, lane, inside, channel, WIDE: tl.constexpr):
    """Mean over T of (x − mean)·inverse_std."""
    if normed is not None:
        mean = tl.load(norm.mean + channel, inside, other=0).to(WIDE)
        inverse_std = tl.load(norm.inverse_std + channel, inside, other=0).to(WIDE)
        tl.store(normed + start + lane, (total / T - mean) * inverse_std, inside)


@triton.jit
def _reset(v, spike, threshold, HARD: tl.constexpr):
    """As in the reference, so that an infinite potential gives the same there and here."""
    return v - (v if HARD else threshold) * spike


@triton.jit
def _reset_derivative(v, spike, slope, threshold, HARD: tl.constexpr, DETACH: tl.constexpr):
    """Derivative of the potential after the reset with respect to that before it."""
    kept = 1 - spike if HARD else tl.full(v.shape, 1, v.dtype)
    if not DETACH:
        kept -= (v if HARD else threshold) * slope
    return kept


@triton.jit
def _slope(u, k, SURROGATE: tl.constexpr):
    """`snncore.neuron.surrogate` at u = v − threshold; NaN stays NaN, as there."""
    if SURROGATE == "sigmoid":
        s = tl.sigmoid(u * k)
        slope = (s - s * s) * k
    elif SURROGATE == "rectangular":
        slope = (tl.abs(u) < 0.5 / k).to(u.dtype) * k
    elif SURROGATE == "triangle":
        slope = k - tl.abs(u) * (k * k)
        slope = tl.where(slope < 0, 0, slope)  # maximum would drop a NaN
    else:
        tl.static_assert(SURROGATE == "arctan")
        z = u * (HALF_PI * k)
        slope = 0.5 * k / (z * z + 1)
    return slope
