"""Shapes: (T, N, ...) currents; golden values are single parts computed with the published implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from snncore.config.schema import NeuronConfig
from snncore.neuron.neuron import RateOfCurrent, spike_train
from snncore.neuron.quiet import quiet_spikingjelly
from snncore.neuron.surrogate import surrogate_slope
from snncore.passes.passes import split_time
from snncore.passes.signals import Part
from snncore.passes.through_time import fire_through_time

UNITS = np.load(Path(__file__).parents[2] / "golden" / "units.npz")
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
    spikes, rate, trace = spike_train(golden["x"], NeuronConfig(decay=decay, v_threshold=threshold))
    assert torch.equal(spikes, golden["spikes"])
    assert relative(trace, golden["trace"]) < 1e-5

    current = golden["x"].mean(0).requires_grad_()
    out = RateOfCurrent.apply(current, rate, trace)
    assert relative(out, golden["rate"]) < 1e-5
    out.backward(golden["grad_out"])
    assert current.grad is not None
    assert relative(current.grad, golden["grad_in"]) < 1e-5


def bptt(x: Tensor, neuron: NeuronConfig) -> Tensor:
    """Spikes of currents, both (T, ...), with gradients through all steps."""
    return split_time(fire_through_time([Part(x.flatten(0, 1), is_still=False)], len(x), neuron), len(x))


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
    spikes, rate, trace = spike_train(x, neuron)
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
@pytest.mark.parametrize("backend", ["torch", "cpp"])
def test_the_layout_of_the_currents_does_not_matter(
    reset: str, detach: bool, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIKEFRONT_BACKEND", backend)
    setting = NeuronConfig(reset=reset, detach_reset=detach)
    x, weight = currents(6, 5, 4, 6), currents(6, 5, 4, 6, seed=4)
    channels_last = x.to(memory_format=torch.channels_last)
    assert not channels_last.is_contiguous()
    want: tuple[Tensor, ...] | None = None
    for same in (x, channels_last, torch.stack([x, -x], -1)[..., 0], x.transpose(2, 3)):
        moved = same.detach().requires_grad_()
        spikes = fire_through_time([Part(moved, is_still=False)], 3, setting)
        assert spikes.is_contiguous(memory_format=torch.channels_last)
        (spikes * (weight if same.shape == weight.shape else weight.transpose(2, 3))).sum().backward()
        assert moved.grad is not None
        got = [part if same.shape == x.shape else part.transpose(2, 3) for part in (spikes, moved.grad)]
        want = want or tuple(got)
        for part, expected in zip(got, want, strict=True):
            # Not bit-equal: the exponential of a vector's last, incomplete part is another routine's.
            torch.testing.assert_close(part, expected, rtol=1e-14, atol=1e-16)


def test_bfloat16_currents_are_integrated_in_float32() -> None:
    x = torch.full((3, 1, 2), 0.3359375, dtype=torch.bfloat16)  # three of them decay to 0.4166, exactly known
    setting = NeuronConfig(decay=0.2, v_threshold=0.416)
    spikes, rate, trace = spike_train(x, setting)
    want = spike_train(x.float(), setting)
    assert spikes.dtype == torch.bfloat16
    assert torch.equal(spikes.float(), want.spikes)
    assert spikes[:, 0, 0].tolist() == [0.0, 0.0, 1.0]
    for got, expected in ((rate, want.rate), (trace, want.trace)):
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
        before = neuron.decay * v + current
        spikes.append((before >= neuron.v_threshold).double())
        v = before - spikes[-1] * (before if reset == "hard" else neuron.v_threshold)
    assert torch.equal(torch.stack(spikes), spike_train(x, neuron).spikes)
