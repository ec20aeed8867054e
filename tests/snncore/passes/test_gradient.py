"""The two gradients on the same weights. Float64: in float32 one flipped spike changes everything."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.network.network import SpikingNetwork, build_network
from snncore.passes.passes import inference, split_time
from snncore.passes.two_pass import SpikePass, SpikePassResults
from snncore.training.gradient import BpttGradient, Outputs, RateGradient, make_gradient

T = 4
SMALL = {"T": T, "model": {"width": 0.25}, "distillation": {"mode": "supervised", "branches": [1, 3]}}


def network_and_batch(config: Config | None = None) -> tuple[SpikingNetwork, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(11)
    network = build_network(config or make_config(SMALL)).double()
    images = torch.randn(6, 1, 8, 8, generator=generator, dtype=torch.float64)
    return network, images, torch.randint(10, (6,), generator=generator)


def copy_of(network: SpikingNetwork) -> SpikingNetwork:
    twin = build_network(make_config(SMALL)).double()
    twin.load_state_dict(network.state_dict())
    return twin


def own_head_loss(outputs: Outputs, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs.heads[-1], labels)


def test_rate_and_bptt_give_the_same_logits() -> None:
    network, images, _ = network_and_batch()
    rate = RateGradient(T)(network, images).heads
    bptt = BpttGradient(T)(copy_of(network), images).heads
    torch.testing.assert_close(rate, bptt, rtol=1e-10, atol=1e-12)


def test_rate_and_bptt_agree_on_the_classifiers_gradient() -> None:
    network, images, labels = network_and_batch()
    twin = copy_of(network)
    own_head_loss(RateGradient(T)(network, images), labels).backward()
    own_head_loss(BpttGradient(T)(twin, images), labels).backward()
    ours, theirs = network.body.classifier.weight.grad, twin.body.classifier.weight.grad
    assert ours is not None
    assert float(ours.norm()) > 0
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_rate_and_bptt_agree_everywhere_at_one_step() -> None:
    """At T = 1 the rate is the spike and the trace its slope: the two gradients are one."""
    config = make_config(SMALL | {"T": 1})
    network, images, labels = network_and_batch(config)
    twin = copy_of(network)
    own_head_loss(RateGradient(1)(network, images), labels).backward()
    own_head_loss(BpttGradient(1)(twin, images), labels).backward()
    for (name, ours), (_, theirs) in zip(network.named_parameters(), twin.named_parameters(), strict=True):
        if not name.startswith("branches."):
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-11, msg=name)


def test_both_gradients_leave_the_same_running_statistics() -> None:
    network, images, _ = network_and_batch()
    twin = copy_of(network)
    RateGradient(T)(network, images)
    BpttGradient(T)(twin, images)
    for (name, ours), (_, theirs) in zip(network.named_buffers(), twin.named_buffers(), strict=True):
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("gradient", ["rate", "bptt"])
def test_every_weight_gets_a_gradient(gradient: str) -> None:
    config = make_config(SMALL | {"gradient": gradient})
    network, images, labels = network_and_batch(config)
    heads = make_gradient(config)(network, images).heads
    assert heads.shape == (3, 6, 10)
    torch.stack([nn.functional.cross_entropy(head, labels) for head in heads]).sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_the_rate_pass_keeps_nothing_per_time_step() -> None:
    """What autograd saves under `rate` is the same number of bytes at T = 1 and T = 8."""

    def saved_bytes(steps: int) -> int:
        network, images, _ = network_and_batch()
        storages: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            heads = RateGradient(steps)(network, images).heads
        assert heads.requires_grad
        return sum(storages.values())

    # Saved activations do not grow with T; T = 1 is no special case.
    assert saved_bytes(16) == saved_bytes(8) == saved_bytes(1) > 0


def test_evaluation_with_the_batchs_statistics_gives_the_training_logits() -> None:
    network, images, _ = network_and_batch()
    results = SpikePassResults()
    with torch.no_grad():
        training = split_time(network(images, SpikePass(T, results)).logits, T)
        for norm, (mean, variance, _) in results.statistics.items():
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
    network.eval()
    torch.testing.assert_close(inference(network, images, T), training, rtol=1e-9, atol=1e-12)


def test_frames_that_differ_are_averaged_for_the_rate_pass() -> None:
    """On event frames both gradients see the same logits, and a still image as frames is that image."""
    config = make_config(SMALL | {"data": {"events": "saccades"}})
    network, _, _ = network_and_batch(config)
    frames = torch.randn(T, 6, 2, 8, 8, generator=torch.Generator().manual_seed(12), dtype=torch.float64)
    bptt = BpttGradient(T)(network, frames).heads
    rate = RateGradient(T)(network, frames).heads
    torch.testing.assert_close(rate, bptt, rtol=1e-10, atol=1e-12)

    still, images, _ = network_and_batch()
    as_frames = build_network(make_config(SMALL)).double()
    as_frames.load_state_dict(still.state_dict())
    as_frames.body.has_time = True
    repeated = RateGradient(T)(as_frames, images.expand(T, *images.shape)).heads
    torch.testing.assert_close(repeated, RateGradient(T)(still, images).heads, rtol=1e-10, atol=1e-12)


def test_frames_of_another_number_than_the_steps_are_refused() -> None:
    network, _, _ = network_and_batch(make_config(SMALL | {"data": {"events": "saccades"}}))
    with pytest.raises(ValueError, match="got 3 time steps, need T = 4"):
        RateGradient(T)(network, torch.zeros(3, 6, 2, 8, 8, dtype=torch.float64))
