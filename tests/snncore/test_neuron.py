"""Shapes: (T, N, ...) currents; golden values are single parts computed with the published implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from snncore import neuron as neuron_module
from snncore.config import NeuronConfig
from snncore.neuron import RateOfCurrent, bptt, lif_step, spike_train
from snncore.quiet import quiet_spikingjelly
from snncore.surrogate import surrogate_slope

UNITS = np.load(Path(__file__).parents[1] / "golden" / "units.npz")
RESETS = [("soft", True), ("soft", False), ("hard", True), ("hard", False)]


def relative(got: Tensor, want: Tensor) -> float:
    return float((got.detach() - want).norm() / want.norm())


def currents(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64) + 0.4


@pytest.mark.parametrize(
    ("case", "decay", "threshold"),
    [("T1_decay0.2_th1.0", 0.2, 1.0), ("T5_decay0.2_th1.0", 0.2, 1.0), ("T8_decay0.5_th0.7", 0.5, 0.7)],
)
def test_lif_reproduces_the_published_values(case: str, decay: float, threshold: float) -> None:
    golden = {
        k: torch.from_numpy(UNITS[f"lif/{case}/{k}"])
        for k in ("x", "spikes", "rate", "trace", "grad_out", "grad_in")
    }
    spikes, rate, trace = spike_train(golden["x"], NeuronConfig(decay=decay, v_threshold=threshold), True)
    assert torch.equal(spikes, golden["spikes"])
    assert rate is not None
    assert trace is not None
    assert relative(trace, golden["trace"]) < 1e-5

    current = golden["x"].mean(0).requires_grad_()
    out = RateOfCurrent.apply(current, rate, trace)
    assert relative(out, golden["rate"]) < 1e-5
    out.backward(golden["grad_out"])
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
@pytest.mark.parametrize("surrogate", ["sigmoid", "rectangular", "triangle", "arctan"])
def test_the_trace_of_each_reset_is_what_bptt_gives(
    reset: str, detach: bool, decay: float, surrogate: str
) -> None:
    x = currents(7, 4, 30)
    neuron = NeuronConfig(
        decay=decay,
        v_threshold=0.8,
        reset=reset,
        detach_reset=detach,
        surrogate=surrogate,
        surrogate_slope=0.9,
    )
    spikes, rate, trace = spike_train(x, neuron, with_trace=True)
    assert 0.05 < float(spikes.mean()) < 0.95
    torch.testing.assert_close(rate, spikes.mean(0), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(trace, bptt_rate_gradient(x, neuron), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("reset", "detach"), RESETS)
@pytest.mark.parametrize("surrogate", ["sigmoid", "arctan"])
def test_bptt_equals_spikingjelly(reset: str, detach: bool, surrogate: str) -> None:
    """Spikes exactly, gradients in float64; SpikingJelly's names of the two slopes that both have."""
    with quiet_spikingjelly():
        from spikingjelly.activation_based import neuron as theirs
        from spikingjelly.activation_based import surrogate as their_surrogates
    setting = NeuronConfig(
        decay=0.5, reset=reset, detach_reset=detach, surrogate=surrogate, surrogate_slope=2.0
    )
    function = {"sigmoid": their_surrogates.Sigmoid, "arctan": their_surrogates.ATan}[surrogate](alpha=2.0)
    node = theirs.LIFNode(
        tau=2.0,
        decay_input=False,
        v_threshold=1.0,
        v_reset=None if reset == "soft" else 0.0,
        surrogate_function=function,
        detach_reset=detach,
        step_mode="m",
    )
    x, weight = currents(6, 3, 20, seed=2), currents(6, 3, 20, seed=3)
    ours_x, theirs_x = x.clone().requires_grad_(), x.clone().requires_grad_()
    ours, expected = bptt(ours_x, setting), node(theirs_x)
    assert torch.equal(ours, expected)
    (ours * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(ours_x.grad, theirs_x.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("reset", "detach"), RESETS)
def test_neither_layout_nor_the_size_of_the_pieces_matters(
    reset: str, detach: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = NeuronConfig(reset=reset, detach_reset=detach)
    x, weight = currents(3, 2, 5, 4, 6), currents(3, 2, 5, 4, 6, seed=4)

    def everything(x: Tensor) -> list[Tensor]:
        x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        spikes, rate, trace = spike_train(x, setting, with_trace=True)
        (bptt(x, setting) * weight).sum().backward()
        assert rate is not None
        assert trace is not None
        assert x.grad is not None
        return [part.contiguous() for part in (spikes, rate, trace, x.grad)]

    want = everything(x)
    channels_last = x.flatten(0, 1).to(memory_format=torch.channels_last).view(3, 2, 5, 4, 6)
    assert not channels_last.is_contiguous()
    every_second = torch.stack([x, -x], -1)[..., 0]
    monkeypatch.setattr(neuron_module, "CACHE_SIZE", 7)
    for same in (x, channels_last, every_second):
        for got, expected in zip(everything(same), want, strict=True):
            # Not bit-equal: the exponential of a vector's last, incomplete part is another routine's.
            torch.testing.assert_close(got, expected, rtol=1e-14, atol=1e-16)


def test_the_layout_of_the_currents_is_kept() -> None:
    x = torch.randn(4, 8, 5, 5).to(memory_format=torch.channels_last).view(2, 2, 8, 5, 5)
    spikes, rate, trace = spike_train(x, NeuronConfig(), with_trace=True)
    assert spikes.stride() == x.stride()
    for part in (rate, trace):
        assert part is not None
        assert part.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_currents_are_integrated_in_float32() -> None:
    x = torch.full((3, 1, 2), 0.3359375, dtype=torch.bfloat16)  # three of them decay to 0.4166, exactly known
    setting = NeuronConfig(decay=0.2, v_threshold=0.416)
    spikes, rate, trace = spike_train(x, setting, with_trace=True)
    want = spike_train(x.float(), setting, with_trace=True)
    assert spikes.dtype == torch.bfloat16
    assert torch.equal(spikes.float(), want.spikes)
    assert spikes[:, 0, 0].tolist() == [0.0, 0.0, 1.0]
    for got, expected in ((rate, want.rate), (trace, want.trace)):
        assert got is not None
        assert expected is not None
        torch.testing.assert_close(got.float(), expected, rtol=4e-3, atol=0)


PRIMITIVES = {
    "sigmoid": lambda u, k: 1 / (1 + torch.exp(-k * u)),
    "rectangular": lambda u, k: (k * u + 0.5).clamp(0, 1),
    "triangle": lambda u, k: torch.where(
        u < 0, 0.5 * (1 + k * u).clamp(min=0) ** 2, 1 - 0.5 * (1 - k * u).clamp(min=0) ** 2
    ),
    "arctan": lambda u, k: torch.atan(0.5 * torch.pi * k * u) / torch.pi + 0.5,
}


@pytest.mark.parametrize("slope", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("surrogate", PRIMITIVES)
def test_the_slope_is_the_derivative_of_its_primitive(surrogate: str, slope: float) -> None:
    neuron = NeuronConfig(v_threshold=0.7, surrogate=surrogate, surrogate_slope=slope)
    v = torch.linspace(-3.013, 3.017, 241, dtype=torch.float64)  # off the corners of rectangle and triangle
    h = 1e-5
    primitive = PRIMITIVES[surrogate]
    central = (primitive(v + h - 0.7, slope) - primitive(v - h - 0.7, slope)) / (2 * h)
    before = v.clone()
    torch.testing.assert_close(surrogate_slope(v, neuron), central, rtol=1e-7, atol=1e-8)
    assert torch.equal(v, before)


def test_a_potential_exactly_at_the_threshold_fires() -> None:
    spikes = spike_train(torch.tensor([[1.0], [0.0]]), NeuronConfig(v_threshold=1.0)).spikes
    assert spikes.flatten().tolist() == [1.0, 0.0]


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_single_steps_give_the_same_spikes(reset: str) -> None:
    neuron = NeuronConfig(decay=0.5, reset=reset)
    x = currents(6, 3, 20, seed=2)
    v = torch.zeros(3, 20, dtype=torch.float64)
    spikes = []
    for current in x:
        spike, before, v = lif_step(current, v, neuron)
        assert torch.equal(spike, (before >= neuron.v_threshold).double())
        spikes.append(spike)
    assert torch.equal(torch.stack(spikes), spike_train(x, neuron).spikes)
