"""The stem of the networks made for ImageNet, and what is refused."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from snncore.config.schema import ARCHITECTURES
from snncore.data.specs import DataSpec
from snncore.errors import ConfigError
from snncore.network.architectures.layers import LARGE_SIDE
from snncore.passes.one_pass import OnePass
from snncore.passes.passes import split_time
from snncore.passes.two_pass import RatePass, SpikePass, SpikePassResults, two_pass_rates
from snncore.training.gradient import BpttGradient, RateGradient
from tests.snncore.network.architectures.networks import N_CLASSES, T, batch_of, network_of, spec_of

THIN = 1 / 64
LARGE = (LARGE_SIDE, LARGE_SIDE + 32)


@pytest.mark.parametrize("arch", ["preact_resnet34", "sew_resnet34"])
@pytest.mark.parametrize("has_time", [False, True])
@pytest.mark.parametrize(("size", "first"), [(LARGE, (24, 32)), ((LARGE_SIDE - 1, 100), (95, 100))])
def test_large_inputs_enter_at_a_quarter_of_their_sides(
    arch: str, has_time: bool, size: tuple[int, int], first: tuple[int, int]
) -> None:
    spec = spec_of(has_time=has_time, size=size)
    network = network_of(arch, spec, THIN)
    results = SpikePassResults()
    with torch.no_grad():
        spikes = network(batch_of(spec, n=2), SpikePass(T, results))
        rates = network(batch_of(spec, n=2), RatePass(results))
    assert spikes.stages[0].shape[2:] == rates.stages[0].shape[2:] == first
    assert bool(spikes.logits.isfinite().all() and rates.logits.isfinite().all())


def test_pooling_the_largest_current_commutes_with_time_for_still_images() -> None:
    """preact_resnet34 pools before its first neurons, where a still image is the same at every step."""
    spec = spec_of(size=LARGE)
    network, x = network_of("preact_resnet34", spec, THIN), batch_of(spec, n=2)
    rate, bptt = RateGradient(T)(network, x).heads, BpttGradient(T)(network, x).heads
    torch.testing.assert_close(rate, bptt, rtol=1e-9, atol=1e-11)


def test_pooling_the_largest_spike_does_not_commute_with_time() -> None:
    """sew_resnet34: what is pooled over spikes is larger than what is pooled over rates (method.md)."""
    spec = spec_of(size=LARGE)
    network, x = network_of("sew_resnet34", spec, THIN), batch_of(spec, n=2)
    pooled = []
    network.body.stem_pool.register_forward_hook(lambda _, __, output: pooled.append(output))
    results = SpikePassResults()
    with torch.no_grad():
        network(x, SpikePass(T, results))
        network(x, RatePass(results))
    of_spikes, of_rates = split_time(pooled[0], T).mean(0), pooled[1]
    assert bool((of_spikes >= of_rates).all())
    assert bool((of_spikes > of_rates).any())


@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if arch != "mlp"])
def test_samples_without_place_are_refused(arch: str) -> None:
    message = rf"model\.arch: {arch} needs images, got samples of 700 × 1 × 1; use mlp"
    with pytest.raises(ConfigError, match=message):
        network_of(arch, DataSpec(20, 700, 1, 1, 10, 10, has_time=True))


def test_mlp_takes_channels_without_place_and_whole_images() -> None:
    spec = DataSpec(20, 700, 1, 1, 10, 10, has_time=True)
    assert RateGradient(T)(network_of("mlp", spec), batch_of(spec)).heads.shape == (1, 4, 20)
    spec = spec_of(size=(8, 9))
    network, x = network_of("mlp", spec), batch_of(spec)
    weight = network.body.conv1.weight  # type: ignore[union-attr]
    assert isinstance(weight, nn.Parameter)
    currents = []
    network.body.conv1.register_forward_hook(lambda _, __, output: currents.append(output))  # type: ignore[union-attr]
    assert network(x, SpikePass(T, SpikePassResults())).logits.shape == (T * len(x), N_CLASSES)
    torch.testing.assert_close(currents[0].flatten(1), x.flatten(1) @ weight.flatten(1).t())


@pytest.mark.parametrize("arch", ["preact_resnet34", "sew_resnet34"])
@pytest.mark.parametrize("has_time", [False, True])
def test_one_pass_pools_the_mean_where_two_passes_do(arch: str, has_time: bool) -> None:
    spec = spec_of(has_time=has_time, size=LARGE)
    network, x = network_of(arch, spec, THIN), batch_of(spec, n=2)
    twin = copy.deepcopy(network)
    ours, theirs = network(x, OnePass(T)).logits, two_pass_rates(twin, x, T).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for (name, got), want in zip(network.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad, rtol=1e-7, atol=1e-9, msg=name)
