"""What every backend must do, in every dtype: held to plain torch in float64 on the same numbers."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from snncore.config.schema import NeuronConfig
from snncore.sweeps.interface import Fired, Norm, Term
from snncore.sweeps.torch_sweeps import TorchSweeps
from tests.snncore.sweeps import oracle
from tests.snncore.sweeps.backends import Backend
from tests.snncore.sweeps.cases import (
    ARITHMETIC,
    DTYPES,
    LAYOUTS,
    LONG,
    NEURONS,
    Layout,
    assert_near,
    gradient,
    in_float64,
    label,
    norm,
    terms,
    wide,
)

BOTH = Layout("mn sp", 5, 29, 3)
MATRICES = [(1, 1), (7, 3), (90, 130), (3000, 1)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=label)


@cache
def expected(layout: Layout, neuron: NeuronConfig, dtype: torch.dtype) -> tuple[Fired, Tensor, Tensor]:
    """What the reference fires, a gradient, and what the reference makes of it."""
    built = in_float64(terms(layout, neuron, dtype))
    grad = gradient((layout.T, layout.P, layout.C), dtype)
    fired = TorchSweeps().fire_with_trace(built, layout.T, neuron)
    return fired, grad, TorchSweeps().fire_backward(built, grad.double(), layout.T, neuron)


def check_neuron(backend: Backend, layout: Layout, neuron: NeuronConfig, dtype: torch.dtype) -> None:
    """All three sweeps over T."""
    built = terms(layout, neuron, dtype)
    want, grad, want_backward = expected(layout, neuron, dtype)
    close, cut_off = ARITHMETIC[dtype], backend.cuts_off_bfloat16

    spikes = backend.fire(built, layout.T, neuron)
    assert spikes.dtype == dtype
    assert torch.equal(spikes.double(), want.spikes)

    got = backend.fire_with_trace(built, layout.T, neuron)
    assert got.spikes.dtype == dtype
    assert torch.equal(got.spikes.double(), want.spikes)
    assert got.counts.dtype == want.counts.dtype
    assert torch.equal(got.counts, want.counts)
    assert got.trace.dtype == dtype
    assert_near(got.trace, want.trace, close, cut_off)
    for x, want_x in zip(got.normed, want.normed, strict=True):
        assert x.dtype == dtype
        assert_near(x, want_x, close, cut_off)

    backward = backend.fire_backward(built, grad, layout.T, neuron)
    assert backward.dtype == grad.dtype
    assert_near(backward, want_backward, close, cut_off)


@dtypes
@pytest.mark.parametrize("neuron", NEURONS, ids=label)
def test_every_reset_and_surrogate(backend: Backend, neuron: NeuronConfig, dtype: torch.dtype) -> None:
    check_neuron(backend, BOTH, neuron, dtype)


@dtypes
@pytest.mark.parametrize("layout", LAYOUTS, ids=label)
def test_every_kind_of_terms_and_shape(backend: Backend, layout: Layout, dtype: torch.dtype) -> None:
    """A neuron of its own for each: attached or detached, soft or hard."""
    neuron = NEURONS[(1 + 4 * LAYOUTS.index(layout)) % 15]
    check_neuron(backend, layout, neuron, dtype)


def test_many_steps(backend: Backend) -> None:
    check_neuron(backend, LONG, NEURONS[4], torch.float32)


@dtypes
@pytest.mark.parametrize("with_trace", [False, True])
def test_spikes_may_take_the_memory_of_a_term(backend: Backend, dtype: torch.dtype, with_trace: bool) -> None:
    neuron = NEURONS[4]
    want = expected(BOTH, neuron, dtype)[0]
    built = [Term(x.clone(), norm_) for x, norm_ in terms(BOTH, neuron, dtype)]
    into = built[0].x
    assert len(into) == BOTH.T
    if not with_trace:
        assert torch.equal(backend.fire(built, BOTH.T, neuron, into).double(), want.spikes)
        return
    got = backend.fire_with_trace(built, BOTH.T, neuron, into)
    assert torch.equal(got.spikes.double(), want.spikes)
    assert torch.equal(got.counts, want.counts)
    assert_near(got.trace, want.trace, ARITHMETIC[dtype], backend.cuts_off_bfloat16)
    for x, want_x in zip(got.normed, want.normed, strict=True):
        assert_near(x, want_x, ARITHMETIC[dtype], backend.cuts_off_bfloat16)


@pytest.mark.parametrize(("T", "dtype"), [(255, torch.uint8), (256, torch.int16)])
def test_counts_hold_a_spike_at_every_step(backend: Backend, T: int, dtype: torch.dtype) -> None:
    still = [Term(torch.full((1, 2, 3), 2.0), None)]
    fired = backend.fire_with_trace(still, T, NEURONS[0])
    assert fired.counts.dtype == dtype
    assert torch.equal(fired.counts, torch.full((2, 3), T, dtype=dtype))
    assert fired.spikes.shape == (T, 2, 3)


@dtypes
def test_a_potential_at_the_threshold_fires(backend: Backend, dtype: torch.dtype) -> None:
    """v >= v_threshold, with numbers that no arithmetic rounds; the next below it does not fire."""
    neuron = NeuronConfig(decay=0.5, v_threshold=1.0, reset="soft")
    below = 1 - torch.finfo(dtype).eps / 2
    steps = [[1.0, below], [1.0, 0.5], [0.5, 0.0], [0.75, 0.75]]
    x = torch.tensor(steps, dtype=dtype)[:, None, :]
    spikes = backend.fire([Term(x, None)], 4, neuron)
    # v of the first: 1 fires; 1 fires; 0.5; 0.25 + 0.75 = 1 fires
    assert spikes[:, 0, 0].tolist() == [1, 1, 0, 1]
    assert spikes[0, 0, 1] == 0


@dtypes
@pytest.mark.parametrize("neuron", [n for n in NEURONS if n.surrogate in ("sigmoid", "triangle")], ids=label)
def test_nan_and_infinity_stay_with_their_neuron(
    backend: Backend, neuron: NeuronConfig, dtype: torch.dtype
) -> None:
    """A NaN potential never fires again; what the reference makes of infinity, its backends do."""
    x = terms(Layout("mn", 4, 8, 3), neuron, dtype)[0].x.clone()
    strange = {(0, 0): float("nan"), (1, 1): float("inf"), (2, 2): -float("inf"), (3, 0): float("nan")}
    for (t, channel), value in strange.items():
        x[t, 2 * t, channel] = value
    built = [Term(x, None)]
    got = backend.fire_with_trace(built, 4, neuron)
    want = TorchSweeps().fire_with_trace(in_float64(tuple(built)), 4, neuron)
    assert torch.equal(got.spikes.double(), want.spikes)
    assert got.spikes[:, 0, 0].sum() == 0
    assert got.spikes[1, 2, 1] == 1
    assert got.trace[0, 0].isnan()
    assert int(got.trace.isnan().sum()) <= len(strange)
    assert_near(got.trace, want.trace, ARITHMETIC[dtype], backend.cuts_off_bfloat16)
    assert torch.equal(backend.fire(built, 4, neuron), got.spikes)


@dtypes
@pytest.mark.parametrize(("M", "C"), [*MATRICES, (50, 64), (40, 300)])
def test_statistics(backend: Backend, M: int, C: int, dtype: torch.dtype) -> None:
    x = (gradient((M, C), torch.float64) * 2 + 0.5).to(dtype)
    check_statistics(backend, x, of_mean=2e-7, of_variance=2e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=label)
@pytest.mark.parametrize(("M", "C"), [(333, 3), (1500, 64)])
def test_statistics_of_a_spread_far_below_the_mean(
    backend: Backend, M: int, C: int, dtype: torch.dtype
) -> None:
    """By 3000 times: sums of x² in float32 would lose all of it, a running mean loses 3000·2⁻²⁴ at most.

    One channel has no spread at all.
    """
    x = (gradient((M, C), torch.float64) + 3000).to(dtype)
    x[:, 0] = 3000
    check_statistics(backend, x, of_mean=2e-7, of_variance=2e-4)


def check_statistics(backend: Backend, x: Tensor, of_mean: Any, of_variance: float) -> None:
    """Errors relative to a channel's largest value, and to its variance; the mean's error, squared, adds."""
    if x.dtype == torch.float64:
        of_mean, of_variance = 1e-14, 1e-11
    mean, variance = backend.statistics(x)
    assert mean.dtype == variance.dtype == wide(x.dtype)
    want_variance, want_mean = torch.var_mean(x.double(), 0, correction=0)
    assert mean.shape == variance.shape == want_mean.shape
    of_mean = of_mean * x.double().abs().amax(0)
    assert bool(((mean - want_mean).abs() <= of_mean).all())
    assert bool(((variance - want_variance).abs() <= of_variance * want_variance + of_mean**2).all())


def test_a_nan_spoils_the_statistics_of_its_own_channel(backend: Backend) -> None:
    x = gradient((70, 3), torch.float32)
    x[69, 1] = float("nan")
    for got in backend.statistics(x):
        assert got.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("with_trace", [False, True])
@pytest.mark.parametrize("is_x_hat", [False, True])
@dtypes
def test_norm_backward_sums(backend: Backend, dtype: torch.dtype, is_x_hat: bool, with_trace: bool) -> None:
    """Σ over the h that is returned, rounded as it is."""
    for M, C in MATRICES:
        grad, x, norm_ = rows(M, C, dtype, is_x_hat)
        trace = gradient((M, C), dtype, seed=9).abs() if with_trace else None
        h, sum_h, sum_hx = backend.norm_backward_sums(grad, x, norm_, trace)
        assert h.dtype == dtype
        assert sum_h.dtype == sum_hx.dtype == wide(dtype)
        product = grad.double() if trace is None else grad.double() * trace.double()
        assert_near(h, product, 0.0, backend.cuts_off_bfloat16)
        terms_of_sum = h.double() * x_hat(x, norm_)
        close = 1e-14 if dtype == torch.float64 else 1e-6
        assert_sum(sum_h, h.double(), close)
        assert_sum(sum_hx, terms_of_sum, close)


@pytest.mark.parametrize("is_x_hat", [False, True])
@dtypes
def test_norm_backward(backend: Backend, dtype: torch.dtype, is_x_hat: bool) -> None:
    for M, C in MATRICES:
        h, x, norm_ = rows(M, C, dtype, is_x_hat)
        scale, mean_h, mean_hx = (gradient((C,), wide(dtype), seed=seed) for seed in (1, 2, 3))
        got = backend.norm_backward(h, x, norm_, scale, mean_h, mean_hx)
        assert got.dtype == dtype
        want = scale.double() * (h.double() - mean_h - x_hat(x, norm_) * mean_hx)
        assert_near(got, want, ARITHMETIC[dtype] / 10, backend.cuts_off_bfloat16)


def rows(M: int, C: int, dtype: torch.dtype, is_x_hat: bool) -> tuple[Tensor, Tensor, Norm | None]:
    """A gradient, and either x̂, or the norm's input with its norm."""
    grad, x = gradient((M, C), dtype), gradient((M, C), torch.float32, seed=8)
    if is_x_hat:
        return grad, x.to(dtype), None
    return grad, (x * 2 + 0.5).to(dtype), norm(C, wide(dtype), torch.Generator().manual_seed(3))


def x_hat(x: Tensor, norm_: Norm | None) -> Tensor:
    return x.double() if norm_ is None else oracle.x_hat(x, norm_)


def assert_sum(got: Tensor, summands: Tensor, close: float) -> None:
    """Relative to the sum of magnitudes: what rounding can do where summands cancel."""
    assert got.shape == summands.shape[1:]
    assert bool(((got - summands.sum(0)).abs() <= close * summands.abs().sum(0)).all())


def test_the_same_data_give_the_same_bits(backend: Backend) -> None:
    grad, x, norm_ = rows(400, 64, torch.float32, None)
    first, second = (backend.norm_backward_sums(grad, x, norm_, None) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(backend.statistics(x), backend.statistics(x), strict=True):
        assert torch.equal(a, b)
