"""What every architecture follows, a user's own included: a new one is one more name in `ALL`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from snncore.config.load import make_config
from snncore.config.rules import N_STAGES
from snncore.config.schema import ARCHITECTURES, NeuronConfig
from snncore.network.network import build_network, deployed_parameters
from snncore.neuron.neuron import LIF
from snncore.passes.passes import BpttPass, EvalPass, Pass
from snncore.passes.two_pass import RatePass, SpikePass, SpikePassResults, two_pass_rates
from snncore.training.gradient import BpttGradient, Gradient, RateGradient
from tests.snncore.network.architectures.networks import (
    ALL,
    N_CLASSES,
    N,
    T,
    batch_of,
    network_of,
    spec_of,
    with_batch_statistics,
    with_branches,
)

every_architecture = pytest.mark.parametrize("arch", ALL)
still_and_events = pytest.mark.parametrize("has_time", [False, True], ids=["still", "events"])


@every_architecture
@still_and_events
def test_shapes_in_every_pass(arch: str, has_time: bool) -> None:
    spec = spec_of(has_time=has_time)
    network, x = network_of(arch, spec), batch_of(spec)
    results = SpikePassResults()
    passes: list[tuple[Pass, int]] = [
        (SpikePass(T, results), T * N),
        (RatePass(results), N),
        (BpttPass(T), T * N),
        (EvalPass(T), T * N),
    ]
    for run, M in passes:
        stages, logits = network(x, run)
        assert logits.shape == (M, N_CLASSES)
        channels: tuple[int, ...] = network.body.stage_channels  # type: ignore[assignment]
        assert tuple(stage.shape[1] for stage in stages) == channels
        assert all(stage.shape[0] == M and stage.dim() == 4 for stage in stages)
        sides = [stage.shape[2] for stage in stages]
        assert sides == sorted(sides, reverse=True)


@every_architecture
@still_and_events
def test_rate_and_bptt_give_the_same_logits(arch: str, has_time: bool) -> None:
    """No max-pooling over spikes at this size: each rate is exactly the mean of its spikes."""
    spec = spec_of(has_time=has_time)
    network = network_of(arch, spec)
    n_stages = len(network.body.stage_channels)  # type: ignore[arg-type]
    with_branches(network, tuple(range(1, n_stages + 1)))
    x = batch_of(spec)
    rate, bptt = RateGradient(T)(network, x).heads, BpttGradient(T)(network, x).heads
    assert rate.shape == (n_stages + 1, N, N_CLASSES)
    assert bool((rate.detach().std(1) > 0).all())  # the heads look at the samples
    torch.testing.assert_close(rate, bptt, rtol=1e-9, atol=1e-11)


@every_architecture
@still_and_events
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_one_pass_gives_what_the_papers_two_give(arch: str, has_time: bool, reset: str) -> None:
    """Logits of all heads, every gradient, and the running statistics of every norm."""
    spec, neuron = spec_of(has_time=has_time), NeuronConfig(reset=reset, detach_reset=reset == "soft")
    network = network_of(arch, spec, neuron=neuron)
    n_stages = len(network.body.stage_channels)  # type: ignore[arg-type]
    with_branches(network, tuple(range(1, n_stages + 1)))
    twin, x = copy.deepcopy(network), batch_of(spec)
    gradient = RateGradient(T)
    ours = gradient(network, x).heads
    assert not gradient.takes_two_passes
    output = two_pass_rates(twin, x, T)
    theirs = torch.stack([*twin.branch_logits(output.stages), output.logits])
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)
    weight = torch.randn(ours.shape, generator=torch.Generator().manual_seed(5), dtype=ours.dtype)
    for heads in (ours, theirs):
        (heads * weight).sum().backward()
    for (name, got), want in zip(network.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad, rtol=1e-8, atol=1e-10, msg=name)
    for (name, mine), buffer in zip(network.named_buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(mine, buffer, rtol=1e-9, atol=1e-12, msg=name)


GRADIENTS: dict[str, Callable[[int], Gradient]] = {"rate": RateGradient, "bptt": BpttGradient}


@every_architecture
@still_and_events
@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("anywhere", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_weight_gets_a_gradient_with_branches_anywhere(
    arch: str, has_time: bool, gradient: str, anywhere: bool
) -> None:
    """Without branches, with some and with all; the slow one takes every subset of the stages."""
    spec = spec_of(has_time=has_time, size=(8, 8))
    network, x = network_of(arch, spec), batch_of(spec)
    labels = torch.arange(N) % N_CLASSES
    stages = range(1, len(network.body.stage_channels) + 1)  # type: ignore[arg-type]
    sizes = range(len(stages) + 1)
    every = [chosen for n in sizes for chosen in combinations(stages, n)]
    for subset in every if anywhere else [every[0], every[len(every) // 2], every[-1]]:
        with_branches(network, subset).zero_grad()
        heads = GRADIENTS[gradient](T)(network, x).heads
        assert len(heads) == len(subset) + 1
        nn.functional.cross_entropy(heads.flatten(0, 1), labels.repeat(len(heads))).backward()
        silent = [name for name, p in network.named_parameters() if not _has_gradient(network, name, p)]
        assert silent == [], subset


def _has_gradient(network: nn.Module, name: str, parameter: Tensor) -> bool:
    """A convolution's bias in front of a norm has none but rounding: the norm takes the mean away."""
    if parameter.grad is None:
        return False
    layer, _, kind = name.rpartition(".")
    is_convolution = isinstance(network.get_submodule(layer), nn.Conv2d)
    return (is_convolution and kind == "bias") or float(parameter.grad.norm()) > 1e-12


@every_architecture
def test_the_pass_alone_decides(arch: str) -> None:
    """No `if self.training`, no state between calls, no random numbers: the same call gives the same."""
    spec = spec_of()
    x = batch_of(spec)
    network = with_batch_statistics(network_of(arch, spec), x)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    first = network.train()(x, EvalPass(T)).logits
    second = network.eval()(x, EvalPass(T)).logits
    assert torch.equal(first, second)
    assert bool((first.std(0) > 0).any())  # it was not silent
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@every_architecture
def test_samples_do_not_see_one_another_in_evaluation(arch: str) -> None:
    spec = spec_of(has_time=True)
    x = batch_of(spec)
    network = with_batch_statistics(network_of(arch, spec), x)
    together = network(x, EvalPass(T)).logits.view(T, N, N_CLASSES)
    assert bool((together.mean(0).std(0) > 0).any())  # it was not silent
    alone = network(x[:, 1:2], EvalPass(T)).logits.view(T, 1, N_CLASSES)
    torch.testing.assert_close(alone, together[:, 1:2])


@every_architecture
@pytest.mark.parametrize(("channels", "size"), [(1, (8, 8)), (2, (9, 14)), (3, (28, 28)), (4, (34, 17))])
def test_any_channels_and_any_size_from_8_up(arch: str, channels: int, size: tuple[int, int]) -> None:
    spec = spec_of(channels=channels, size=size)
    network = network_of(arch, spec, width=1 / 32)
    heads = RateGradient(T)(network, batch_of(spec)).heads
    assert heads.shape == (1, N, N_CLASSES)
    assert bool(heads.isfinite().all())


@every_architecture
def test_width_scales_channels_and_leaves_at_least_one(arch: str) -> None:
    spec = spec_of()
    channels = {width: network_of(arch, spec, width).body.stage_channels for width in (1e-6, 0.125, 0.25)}
    assert set(channels[1e-6]) <= {1}  # type: ignore[arg-type]
    assert tuple(2 * n for n in channels[0.125]) == channels[0.25]  # type: ignore[union-attr]
    small, large = (deployed_parameters(network_of(arch, spec, width)) for width in (0.125, 0.25))
    assert 1.9 < large / small < 4
    thinnest = network_of(arch, spec, 1e-6)
    assert bool(RateGradient(T)(thinnest, batch_of(spec)).heads.isfinite().all())


@every_architecture
def test_every_layer_is_of_the_allowed_kinds(arch: str) -> None:
    """What counts operations, folds norms and exports looks for these."""
    pooling = (nn.AvgPool2d, nn.MaxPool2d, nn.Identity)
    allowed = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, LIF, *pooling)
    for spec in (spec_of(), spec_of(size=(96, 96))):
        leaves = [m for m in network_of(arch, spec).body.modules() if not list(m.children())]
        assert all(isinstance(leaf, (*allowed, nn.ModuleList)) for leaf in leaves)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_layer_fires_at_the_initial_weights(arch: str) -> None:
    """Neurons that never fire hand on nothing to learn from."""
    network = build_network(make_config({"T": T, "model": {"arch": arch, "width": 0.125}}))
    results = SpikePassResults()
    images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network(images, SpikePass(T, results))
    rates = [float(rate.mean()) for rate, _ in results.rates.values()]
    assert len(rates) == sum(isinstance(module, LIF) for module in network.modules())
    assert min(rates) > 0.05


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_two_builds_in_one_process_are_equal(arch: str) -> None:
    """Nothing leaks from one into the next, with another network built in between."""
    n_stages = N_STAGES[arch]
    mode = "reliable" if n_stages else "none"
    distillation = {"mode": mode, "branches": list(range(1, n_stages + 1))}
    config = make_config({"model": {"arch": arch, "width": 1 / 16}, "distillation": distillation})
    first = build_network(config).state_dict()
    build_network(make_config({"model": {"arch": "convnet", "width": 0.5}, "seed": 1}))
    second = build_network(config).state_dict()
    assert list(first) == list(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = build_network(config.model_copy(update={"seed": 1})).state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_rules_know_its_stages(arch: str) -> None:
    assert len(network_of(arch, spec_of()).body.stage_channels) == N_STAGES[arch]  # type: ignore[arg-type]
