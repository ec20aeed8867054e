"""The pair that one pass carries through any network: held to the two passes of the papers, in float64."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snncore.config.load import make_config
from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.network import NetworkOutput, SpikingNetwork, build_network
from snncore.neuron.neuron import LIF
from snncore.passes.one_pass import OnePass
from snncore.passes.passes import EvalPass, Pass, inference
from snncore.passes.two_pass import two_pass_rates
from snncore.training.gradient import RateGradient, TwoPassesWarning

T, N = 3, 4


class Freely(nn.Module):
    """Two layers of neurons; what stands between them and behind them is given."""

    stage_channels = (6, 5)

    def __init__(self, between: Callable[..., Any], behind: Callable[..., Any], has_time: bool) -> None:
        super().__init__()
        self.between, self.behind, self.has_time = between, behind, has_time
        self.conv1, self.norm1 = nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.lif1 = LIF(NeuronConfig())
        self.norm1b, self.norm3 = nn.BatchNorm2d(6), nn.BatchNorm2d(5)
        self.conv2, self.norm2 = nn.Conv2d(6, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5)
        self.side = nn.Conv2d(6, 5, 1)
        self.lif2 = LIF(NeuronConfig(reset="hard"))
        self.classifier = nn.Linear(5, 3)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        first = run.fire(self.lif1, run.norm(self.norm1, run.enter(self.conv1, x, self.has_time)))
        second = run.fire(self.lif2, self.between(self, first, run))
        return NetworkOutput([first, second], self.classifier(self.behind(second)))


def plain(net: Freely, x: Any, run: Pass) -> Any:
    return run.norm(net.norm2, net.conv2(x))


def pooled(x: Any) -> Any:
    return x.mean((2, 3))


BETWEEN: dict[str, Callable[..., Any]] = {
    "a convolution and its norm": plain,
    "a convolution without a norm": lambda net, x, run: net.side(x),
    "a sum of two norms": lambda net, x, run: run.norm(net.norm2, net.conv2(x)) + net.side(x),
    "a sum of three": lambda net, x, run: plain(net, x, run) + net.side(x) + net.side(x),
    "a scaled current": lambda net, x, run: 0.5 * plain(net, x, run) - net.side(x) / 3,
    "a number added": lambda net, x, run: plain(net, x, run) + 0.3,
    "a current used twice": lambda net, x, run: (lambda c: c + c)(plain(net, x, run)),
    "a norm of a norm": lambda net, x, run: run.norm(net.norm3, plain(net, x, run)),
    "a norm of a sum": lambda net, x, run: run.norm(net.norm3, plain(net, x, run) + net.side(x)),
    "a norm of spikes": lambda net, x, run: net.conv2(run.norm(net.norm1b, x)),
    "a parameter added": lambda net, x, run: plain(net, x, run) + net.norm3.weight.view(1, -1, 1, 1),
    "a threshold": lambda net, x, run: plain(net, torch.where(x > 0.4, x, 0.1 * x), run),
    "a relu in front of a norm": lambda net, x, run: run.norm(net.norm2, F.relu(net.conv2(x))),
    "a product with itself": lambda net, x, run: plain(net, x * x, run),
    "a product of two": lambda net, x, run: net.side(x) * torch.sigmoid(net.conv2(x)),
    "average pooling": lambda net, x, run: plain(net, F.avg_pool2d(x, 2), run),
    "max pooling over spikes": lambda net, x, run: plain(net, F.max_pool2d(x, 2), run),
    "pooling of a current": lambda net, x, run: F.avg_pool2d(plain(net, x, run), 2),
    "every second pixel": lambda net, x, run: plain(net, x[:, :, ::2, ::2], run),
    "half of the channels twice": lambda net, x, run: plain(net, torch.cat([x[:, :3], x[:, :3]], 1), run),
    "chunks": lambda net, x, run: plain(net, torch.cat(x.chunk(2, dim=1)[::-1], 1), run),
    "padding that is not zeros": lambda net, x, run: run.norm(
        net.norm2, F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), net.conv2.weight)
    ),
    "padding in words": lambda net, x, run: run.norm(
        net.norm2, F.conv2d(x, net.conv2.weight, padding="same")
    ),
    "a stride in words": lambda net, x, run: run.norm(
        net.norm2, F.conv2d(x, net.conv2.weight, stride=2, padding=1)
    ),
    "what does not depend on the batch": lambda net, x, run: plain(
        net, x * (0.5 if x.dim() == 4 else 2), run
    ),
}

BEHIND: dict[str, Callable[..., Any]] = {
    "mean": pooled,
    "adaptive pooling": lambda x: torch.flatten(F.adaptive_avg_pool2d(x, 1), 1),
    "flatten": lambda x: x.amax(3).flatten(2).mean(-1),
}


def network(between: Callable[..., Any] = plain, behind: Callable[..., Any] = pooled, **how: Any) -> Any:
    generator = torch.Generator().manual_seed(3)
    has_time = how.get("has_time", False)
    spec = DataSpec(3, 2, 8, 8, 10, 10, has_time)
    net = SpikingNetwork(Freely(between, behind, has_time), spec).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(
                torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5 + 0.1
            )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net.add_branches((1, 2))
    return net.double()


def batch(has_time: bool = False) -> Tensor:
    shape = (T, N, 2, 8, 8) if has_time else (N, 2, 8, 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64) + 0.3


def assert_one_is_two(net: SpikingNetwork, x: Tensor) -> None:
    twin = copy.deepcopy(net)
    run = OnePass(T)
    ours, theirs = net(x, run), two_pass_rates(twin, x, T)
    losses = []
    for output, owner in ((ours, net), (theirs, twin)):
        heads = torch.stack([*owner.branch_logits(output.stages), output.logits])
        assert float(heads.detach().std()) > 0.01
        losses.append((heads * torch.linspace(-1, 1, heads.numel()).view(heads.shape)).sum())
        losses[-1].backward()
    torch.testing.assert_close(*losses, rtol=1e-10, atol=1e-12)
    for (name, got), want in zip(net.named_parameters(), twin.parameters(), strict=True):
        if want.grad is not None:
            torch.testing.assert_close(got.grad, want.grad, rtol=1e-8, atol=1e-10, msg=name)
    for (name, mine), buffer in zip(net.named_buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(mine, buffer, rtol=1e-10, atol=1e-12, msg=name)


@pytest.mark.parametrize("has_time", [False, True], ids=["still", "events"])
@pytest.mark.parametrize("between", BETWEEN)
def test_any_function_between_neurons(between: str, has_time: bool) -> None:
    assert_one_is_two(network(BETWEEN[between], has_time=has_time), batch(has_time))


@pytest.mark.parametrize("behind", BEHIND)
def test_any_function_behind_them(behind: str) -> None:
    assert_one_is_two(network(behind=BEHIND[behind]), batch())


@pytest.mark.parametrize("between", BETWEEN)
def test_evaluation_too(between: str) -> None:
    """With running statistics, against the same network on frames, where nothing is the same at each step."""
    net = network(BETWEEN[between]).eval()
    x = batch()
    net(x, OnePass(T))  # statistics other than 0 and 1
    logits = inference(net, x, T)
    twin = copy.deepcopy(net)
    twin.body.has_time = True
    torch.testing.assert_close(logits, inference(twin, x.expand(T, *x.shape), T), rtol=1e-9, atol=1e-11)
    assert float(logits.std()) > 0.01


ASKS = {
    "how many samples": lambda x: x.view(x.size(0), 5, -1).mean(-1),
    "the shape": lambda x: x.reshape(x.shape[0], 5, -1).mean(-1),
    "the length": lambda x: x.reshape(len(x), 5, -1).mean(-1),
}


@pytest.mark.parametrize("asks", ASKS)
def test_who_asks_for_the_batch_takes_two_passes_after_one_warning(asks: str) -> None:
    net, usual = network(behind=ASKS[asks]), network()
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(TypeError):
        net(batch(), OnePass(T))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    gradient = RateGradient(T)
    with pytest.warns(TwoPassesWarning, match="takes two passes"):
        heads = gradient(net, batch()).heads
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient(net, batch())
    torch.testing.assert_close(heads, RateGradient(T)(usual, batch()).heads, rtol=1e-9, atol=1e-11)
    # Evaluation runs on tensors of all steps, which can tell.
    torch.testing.assert_close(
        inference(net.eval(), batch(), T).shape, inference(usual.eval(), batch(), T).shape
    )


def test_convolutions_run_once_over_time_and_not_on_the_rate() -> None:
    """T forward convolutions and one backward, that of a still image's stem once."""
    net = network()
    with torch.profiler.profile(record_shapes=True) as profiler:
        net(batch(), OnePass(T)).logits.sum().backward()
    events = profiler.events()
    forward = [e.input_shapes[0][0] for e in events if e.name == "aten::conv2d"]
    backward = [e.input_shapes[0][0] for e in events if e.name == "aten::convolution_backward"]
    assert forward == [N, T * N]
    assert backward == [N, N]


def test_what_is_kept_is_a_byte_a_neuron_for_the_next_convolution() -> None:
    saved: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    net = network()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net(batch(), OnePass(T))
    counts = [tensor for tensor in saved if tensor.dtype == torch.uint8]
    assert [tuple(count.shape) for count in counts] == [(N, 6, 8, 8)]
    assert int(counts[0].max()) <= T
    assert not any(tensor.dim() == 4 and len(tensor) == T * N for tensor in saved)


def test_no_gradient_is_asked_for() -> None:
    net = network()
    with torch.no_grad():
        assert not RateGradient(T)(net, batch()).heads.requires_grad


def test_frames_of_another_length_are_refused() -> None:
    net = network(has_time=True)
    for run in (OnePass(T + 1), EvalPass(T + 1)):
        with pytest.raises(ValueError, match=f"got {T} time steps, need T = {T + 1}"):
            net(batch(has_time=True), run)


def test_more_steps_than_a_byte_counts() -> None:
    config = make_config({"T": 300, "model": {"width": 0.125}})
    net = build_network(config).double()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    twin = copy.deepcopy(net)
    ours, theirs = net(x, OnePass(300)).logits, two_pass_rates(twin, x, 300).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)
    ours.sum().backward()
    theirs.sum().backward()
    for got, want in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad, rtol=1e-8, atol=1e-10)
