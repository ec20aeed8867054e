"""The deployed graph: batch norm folded, nothing but plain layers, and what it refuses."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.errors import UserError
from snncore.export.deployment import deployed_graph
from snncore.export.folding import fold_norm, norm_as_convolution
from snncore.export.plain_layers import PLAIN_LAYERS
from snncore.network.network import NetworkOutput, SpikingNetwork
from snncore.neuron.neuron import LIF
from snncore.passes.norm import eval_batch_norm
from snncore.passes.passes import Pass, PlainPass
from tests.snncore.tiny import randomised, tiny_network


class Body(nn.Module):
    """A stem and a LIF, then whatever a test wants to see exported."""

    stage_channels = ()

    def __init__(self, tail: Callable[[Body, Tensor, Pass], Tensor]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.lif = LIF(NeuronConfig())
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm, self.other_norm = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.adaptive, self.adaptive_two = nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((2, None))
        self.pool, self.dropout, self.identity = nn.AvgPool2d(2), nn.Dropout(0.5), nn.Identity()
        self.max_pool, self.relu = nn.MaxPool2d(2), nn.ReLU()
        self.linear = nn.Linear(4, 3)
        self.tail = tail

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        x = run.fire(self.lif, run.enter(self.stem, x, False))
        return NetworkOutput([], self.tail(self, x, run))


def network(tail: Callable[[Body, Tensor, Pass], Tensor]) -> SpikingNetwork:
    spec = DataSpec(3, 1, 8, 6, 10, 10)
    return randomised(SpikingNetwork(Body(tail), spec))


class _Run(fx.Interpreter):
    """The graph on a tensor, its LIFs replaced by a step at 0."""

    def call_module(self, target: object, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        if isinstance(self.fetch_attr(target), LIF):  # type: ignore[arg-type]
            return (args[0] >= 0).double()  # type: ignore[operator]
        return super().call_module(target, args, kwargs)  # type: ignore[arg-type]


class _StepPass(PlainPass):
    """The body with the same stand-in for its LIFs."""

    def enter(self, layer: Callable[[Tensor], Tensor], x: Tensor, has_time: bool) -> Tensor:
        return layer(x)

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        return eval_batch_norm(norm, x)

    def fire(self, lif: LIF, x: Tensor, is_last: bool = False) -> Tensor:
        return (x >= 0).double()


def assert_same_function(net: SpikingNetwork) -> fx.GraphModule:
    graph = deployed_graph(net)
    for node in graph.graph.nodes:
        if node.op == "call_module":
            assert isinstance(graph.get_submodule(node.target), PLAIN_LAYERS)
        elif node.op not in ("placeholder", "output"):
            assert node.target is operator.add
    spec = net.spec
    x = torch.randn(5, *spec.image_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = net(x, _StepPass()).logits
        torch.testing.assert_close(_Run(graph).run(x), expected)
    assert expected.std() > 0.01
    return graph


def test_norms_behind_convolutions_become_part_of_them() -> None:
    graph = assert_same_function(tiny_network(channels=2))
    names = [name for name, _ in graph.named_parameters()]
    assert not any("norm" in name for name in names)
    assert "body.conv.bias" in names
    assert "body.shortcut.bias" not in names  # its sum with the norm comes later, nothing to fold


def test_the_network_itself_is_left_as_it_was() -> None:
    net = tiny_network().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    graph = deployed_graph(net)
    with torch.no_grad():
        for parameter in graph.parameters():
            parameter.fill_(7)
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def pooled(body: Body, x: Tensor) -> Tensor:
    return body.linear(x.mean((2, 3)))


TAILS: dict[str, Callable[[Body, Tensor, Pass], Tensor]] = {
    "a mean over places": lambda body, x, run: pooled(body, x),
    "a mean that keeps its dimensions": lambda body, x, run: body.linear(
        torch.flatten(x.mean(dim=[-2, -1], keepdim=True), 1)
    ),
    "torch.mean": lambda body, x, run: body.linear(torch.mean(x, (-1, -2))),
    "adaptive pooling": lambda body, x, run: body.linear(body.adaptive(x).flatten(1)),
    "adaptive pooling to 2": lambda body, x, run: pooled(body, body.adaptive_two(x)),
    "functional adaptive pooling": lambda body, x, run: body.linear(
        F.adaptive_avg_pool2d(x, output_size=1).flatten(start_dim=1)
    ),
    "average pooling": lambda body, x, run: pooled(body, F.avg_pool2d(body.pool(x), 2, stride=1)),
    "dropout and identity": lambda body, x, run: pooled(body, body.identity(body.dropout(x))),
    "a norm behind a sum": lambda body, x, run: pooled(body, run.norm(body.norm, x + body.conv(x))),
    "a norm behind a convolution with two readers": lambda body, x, run: pooled(
        body, run.norm(body.norm, c := body.conv(x)) + c
    ),
    "a convolution used twice": lambda body, x, run: pooled(
        body, run.norm(body.norm, body.conv(run.norm(body.other_norm, body.conv(x))))
    ),
    "two norms in a row": lambda body, x, run: pooled(
        body, run.norm(body.other_norm, run.norm(body.norm, body.conv(x)))
    ),
    "torch.add and add": lambda body, x, run: pooled(body, torch.add(x.add(body.conv(x)), x)),
    "an addition in place": lambda body, x, run: pooled(body, operator.iadd(body.conv(x), x)),
    "another": lambda body, x, run: pooled(body, body.conv(x).add_(x)),
}


@pytest.mark.parametrize("what", TAILS)
def test_a_body_becomes_plain_layers_that_do_the_same(what: str) -> None:
    assert_same_function(network(TAILS[what]))


REFUSED: dict[str, tuple[Callable[[Body, Tensor, Pass], Tensor], str]] = {
    "max pooling": (lambda body, x, run: pooled(body, body.max_pool(x)), "'MaxPool2d'"),
    "ReLU": (lambda body, x, run: pooled(body, body.relu(x)), "'ReLU'"),
    "a product": (lambda body, x, run: pooled(body, x * x), "'mul'"),
    "a constant": (lambda body, x, run: pooled(body, x + 1), "'add'"),
    "a maximum": (lambda body, x, run: body.linear(x.amax((2, 3))), "'amax'"),
    "a mean over channels": (lambda body, x, run: pooled(body, x + x.mean(1, keepdim=True)), "'mean'"),
    "a sum of different shapes": (
        lambda body, x, run: pooled(body, x + body.adaptive(x)),
        "'add'",
    ),
    "a scaled sum": (lambda body, x, run: pooled(body, torch.add(x, x, alpha=2)), "'add'"),
    "a parameter": (
        lambda body, x, run: pooled(body, x + body.stem.bias.view(4, 1, 1)),
        "'body.stem.bias'",
    ),
    "a mean over all": (lambda body, x, run: pooled(body, x + x.mean()), "'mean'"),
    "a mean over one dimension": (lambda body, x, run: pooled(body, x + x.mean(3, True)), "'mean'"),
    "uneven pooling": (
        lambda body, x, run: pooled(body, F.adaptive_avg_pool2d(x, 4)),
        "'adaptive_avg_pool2d'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_plain_layer_does_is_refused_by_name(what: str) -> None:
    tail, name = REFUSED[what]
    with pytest.raises(UserError, match=rf"model\.arch: the network uses {name}, which cannot be exported"):
        deployed_graph(network(tail))


def test_a_body_that_looks_at_its_input_is_refused() -> None:
    def tail(body: Body, x: Tensor, run: Pass) -> Tensor:
        return pooled(body, x if x.sum() > 0 else body.conv(x))

    with pytest.raises(UserError, match="the network's computation depends on its input"):
        deployed_graph(network(tail))


def test_a_change_in_place_that_is_read_elsewhere_is_refused() -> None:
    def tail(body: Body, x: Tensor, run: Pass) -> Tensor:
        before = x
        x += body.conv(x)
        return pooled(body, x + before)

    with pytest.raises(UserError, match="does something that tracing does not record"):
        deployed_graph(network(tail))


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_folding_gives_the_same_values(affine: bool, bias: bool) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        conv = nn.Conv2d(4, 6, 3, stride=2, padding=(1, 2), groups=2, bias=bias).double()
        norm = nn.BatchNorm2d(6, affine=affine).double().eval()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.2, 2)
        if affine:
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
        x = torch.randn(2, 4, 7, 7, dtype=torch.float64)
    torch.testing.assert_close(fold_norm(conv, norm)(x), norm(conv(x)))
    y = conv(x)
    torch.testing.assert_close(norm_as_convolution(norm)(y), norm(y))
