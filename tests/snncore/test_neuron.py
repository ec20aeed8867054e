"""Shapes: (T, N, ...) currents; golden values are single parts computed with the published implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from snncore.config import NeuronConfig
from snncore.neuron import RateOfCurrent, spike_train, surrogate_slope

UNITS = np.load(Path(__file__).parents[1] / "golden" / "units.npz")
RESETS = [("soft", True), ("soft", False), ("hard", True), ("hard", False)]


def relative(got: Tensor, want: Tensor) -> float:
    return float((got.detach() - want).norm() / want.norm())


@pytest.mark.parametrize(
    ("case", "decay", "threshold"),
    [("T1_decay0.2_th1.0", 0.2, 1.0), ("T5_decay0.2_th1.0", 0.2, 1.0), ("T8_decay0.5_th0.7", 0.5, 0.7)],
)
def test_lif_reproduces_the_published_values(case: str, decay: float, threshold: float) -> None:
    golden = {
        k: torch.from_numpy(UNITS[f"lif/{case}/{k}"])
        for k in ("x", "spikes", "rate", "trace", "grad_out", "grad_in")
    }
    spikes, trace = spike_train(golden["x"], NeuronConfig(decay=decay, v_threshold=threshold), True)
    assert torch.equal(spikes, golden["spikes"])
    assert trace is not None
    assert relative(trace, golden["trace"]) < 1e-5

    current = golden["x"].mean(0).requires_grad_()
    rate = RateOfCurrent.apply(current, spikes.mean(0), trace)
    assert relative(rate, golden["rate"]) < 1e-5
    rate.backward(golden["grad_out"])
    assert current.grad is not None
    assert relative(current.grad, golden["grad_in"]) < 1e-5


class SpikeWithSurrogate(torch.autograd.Function):
    """The oracle's spike: step forward, the surrogate's slope backward."""

    @staticmethod
    def forward(ctx, v: Tensor, neuron: NeuronConfig) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.slope = surrogate_slope(v, neuron)
        return (v >= neuron.v_threshold).to(v.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def,override]
        return grad * ctx.slope, None


def bptt_rate_gradient(x: Tensor, neuron: NeuronConfig) -> Tensor:
    """Sum over steps of d(mean spike)/d(x_t), by autograd through a loop written here from the equations."""
    x = x.clone().requires_grad_()
    v = torch.zeros_like(x[0])
    total = torch.zeros_like(x[0])
    for t in range(len(x)):
        v = neuron.decay * v + x[t]
        spike = SpikeWithSurrogate.apply(v, neuron)
        total = total + spike
        used = spike.detach() if neuron.detach_reset else spike
        v = v - neuron.v_threshold * used if neuron.reset == "soft" else v * (1 - used)
    (grad,) = torch.autograd.grad((total / len(x)).sum(), x)
    return grad.sum(0)


@pytest.mark.parametrize(("reset", "detach"), RESETS)
@pytest.mark.parametrize("decay", [0.2, 0.9])
def test_the_trace_of_each_reset_is_what_bptt_gives(reset: str, detach: bool, decay: float) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(7, 4, 30, generator=generator, dtype=torch.float64) + 0.4
    neuron = NeuronConfig(decay=decay, v_threshold=0.8, reset=reset, detach_reset=detach, surrogate_slope=3.0)
    spikes, trace = spike_train(x, neuron, with_trace=True)
    assert 0.05 < float(spikes.mean()) < 0.95
    torch.testing.assert_close(trace, bptt_rate_gradient(x, neuron), rtol=1e-12, atol=1e-14)


def test_surrogate_slope_is_the_derivative_of_the_sigmoid() -> None:
    neuron = NeuronConfig(v_threshold=0.7, surrogate_slope=2.5)
    v = torch.linspace(-3, 3, 41, dtype=torch.float64)
    h = 1e-5

    def sigmoid(at: Tensor) -> Tensor:
        return 1 / (1 + torch.exp(-2.5 * (at - 0.7)))

    central = (sigmoid(v + h) - sigmoid(v - h)) / (2 * h)
    torch.testing.assert_close(surrogate_slope(v, neuron), central, rtol=1e-8, atol=1e-9)


def test_a_potential_exactly_at_the_threshold_fires() -> None:
    spikes, _ = spike_train(torch.tensor([[1.0], [0.0]]), NeuronConfig(v_threshold=1.0))
    assert spikes.flatten().tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("reset", "detach"), RESETS)
def test_spikes_equal_those_of_spikingjelly(reset: str, detach: bool) -> None:
    from snncore.neuron import LIF
    from snncore.passes import BpttPass

    neuron = NeuronConfig(decay=0.5, reset=reset, detach_reset=detach)
    x = torch.randn(6, 3, 20, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    theirs = BpttPass(6).fire(LIF(neuron), x.flatten(0, 1))
    ours, _ = spike_train(x, neuron)
    assert torch.equal(ours.flatten(0, 1), theirs)
