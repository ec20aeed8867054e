"""The reference, plain torch in float64, against equations written out and differentiated by autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snncore.config.schema import NeuronConfig
from snncore.sweeps import torch_sweeps
from snncore.sweeps.interface import Norm
from snncore.sweeps.torch_sweeps import TorchSweeps
from tests.snncore.sweeps import oracle
from tests.snncore.sweeps.cases import (
    LAYOUTS,
    LONG,
    MARGIN,
    NEURONS,
    Layout,
    assert_near,
    gradient,
    label,
    terms,
)

CLOSE = 1e-12  # of the largest value, in float64
CASES = [(Layout("mn sp", 6, 7, 5), neuron) for neuron in NEURONS]
CASES += [(layout, NEURONS[1 + i % 15]) for i, layout in enumerate((*LAYOUTS, LONG))]


@pytest.mark.parametrize(("layout", "neuron"), CASES, ids=label)
def test_spikes_counts_traces_and_means_follow_the_equations(layout: Layout, neuron: NeuronConfig) -> None:
    built = terms(layout, neuron, torch.float64)
    current = oracle.current(list(built), layout.T)
    spikes, _ = oracle.run(current, neuron)
    fired = TorchSweeps().fire_with_trace(built, layout.T, neuron)
    assert torch.equal(fired.spikes, spikes)
    assert torch.equal(TorchSweeps().fire(built, layout.T, neuron), spikes)
    assert torch.equal(fired.counts.double(), spikes.sum(0))
    assert fired.counts.dtype == (torch.uint8 if layout.T <= 255 else torch.int16)
    assert_near(fired.trace, oracle.trace(current, neuron), CLOSE)
    means = [oracle.x_hat(x, norm).mean(0) for x, norm in built if norm is not None]
    for got, want in zip(fired.normed, means, strict=True):
        assert_near(got, want, CLOSE)


@pytest.mark.parametrize(("layout", "neuron"), CASES, ids=label)
def test_backpropagation_follows_autograd(layout: Layout, neuron: NeuronConfig) -> None:
    built = terms(layout, neuron, torch.float64)
    current = oracle.current(list(built), layout.T)
    grad = gradient(tuple(current.shape), torch.float64)
    got = TorchSweeps().fire_backward(built, grad, layout.T, neuron)
    assert_near(got, oracle.backward(current, grad, neuron), CLOSE)


def test_pieces_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neurons go piece by piece; torch rounds the ends of a vector's loop otherwise than its middle."""
    layout, neuron = Layout("mn sp", 5, 7, 5), NEURONS[0]
    built = terms(layout, neuron, torch.float64)
    grad = gradient((5, 7, 5), torch.float64)
    results = []
    for size in (10, 10_000):
        monkeypatch.setattr(torch_sweeps, "CACHE_SIZE", size)
        fired = TorchSweeps().fire_with_trace(built, 5, neuron)
        backward = TorchSweeps().fire_backward(built, grad, 5, neuron)
        spikes = TorchSweeps().fire(built, 5, neuron)
        results.append((spikes, fired.spikes, fired.counts, fired.trace, *fired.normed, backward))
    for pieces, whole in zip(*results, strict=True):
        assert pieces.dtype == whole.dtype
        assert_near(pieces.double(), whole.double(), 1e-15)


def test_the_margin_is_kept() -> None:
    """The cases are what they claim: or equality of spikes would be luck."""
    for layout, neuron in CASES:
        current = oracle.current(list(terms(layout, neuron, torch.float64)), layout.T)
        spikes, v = oracle.run(current, neuron)
        assert float((v - neuron.v_threshold).abs().min()) >= MARGIN
        assert v.abs().max() < 10
        if spikes.numel() > 100:
            assert 0.05 < float(spikes.mean()) < 0.9


def test_statistics_are_those_of_numpy() -> None:
    x = gradient((37, 5), torch.float64) * 3 + 1000
    mean, variance = TorchSweeps().statistics(x)
    np.testing.assert_allclose(mean.numpy(), x.numpy().mean(0), rtol=1e-14)
    np.testing.assert_allclose(variance.numpy(), x.numpy().var(0), rtol=1e-11)


@pytest.mark.parametrize("with_trace", [True, False])
@pytest.mark.parametrize("kept_x_hat", [True, False])
def test_norm_backward_is_that_of_batch_norm(with_trace: bool, kept_x_hat: bool) -> None:
    """With statistics of the batch itself; the gradient that arrives at it is grad·trace."""
    eps, C = 1e-5, 5
    x, grad = gradient((41, C), torch.float64) * 2 + 0.3, gradient((41, C), torch.float64, seed=6)
    trace = torch.rand(41, C, dtype=torch.float64) if with_trace else None
    gamma = torch.tensor([0.5, -1.0, 2.0, 1.0, 0.1], dtype=torch.float64)
    variance, mean = torch.var_mean(x, 0, correction=0)
    norm = Norm(mean, (variance + eps).rsqrt(), gamma, torch.zeros(C, dtype=torch.float64))
    held = (oracle.x_hat(x, norm), None) if kept_x_hat else (x, norm)

    h, sum_h, sum_hx = TorchSweeps().norm_backward_sums(grad, *held, trace)
    got = TorchSweeps().norm_backward(h, *held, gamma * norm.inverse_std, sum_h / 41, sum_hx / 41)

    arriving = grad if trace is None else grad * trace
    by_x, by_beta, by_gamma = oracle.batch_norm_backward(arriving, x, gamma, eps)
    assert torch.equal(h, arriving)
    assert_near(sum_h, by_beta, CLOSE)
    assert_near(sum_hx, by_gamma, CLOSE)
    assert_near(got, by_x, CLOSE)
