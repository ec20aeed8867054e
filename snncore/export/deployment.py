"""The body of a network as a graph of plain layers: one time step, batch norm folded.

Made by symbolic tracing (torch.fx): `stages_0_0_conv -> stages_0_0_lif -> ...`, additions as they are. The
graph holds nn.Conv2d, nn.Linear, nn.AvgPool2d, nn.Flatten, LIF and additions of two tensors, nothing else.

Shapes: input (N, C, H, W), the input of one step, normalised; output (N, n_classes), its logits.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from snncore.errors import UserError
from snncore.export.folding import fold_norm, norm_as_convolution
from snncore.export.plain_layers import layer_of, make_plain, replace
from snncore.network.network import SpikingNetwork
from snncore.neuron.neuron import LIF
from snncore.passes.norm import eval_batch_norm
from snncore.passes.passes import PlainPass


def deployed_graph(network: SpikingNetwork) -> fx.GraphModule:
    """The body of `network` at one time step, as new layers; the network does not change.

    Neurons hold no potential in it: the graph describes connections, not how they are run.

    Raises:
        UserError: the body uses something that none of the plain layers can do, such as max-pooling.
    """
    body = copy.deepcopy(network.body).eval()
    graph = _trace(body)
    weight = next(body.parameters())
    x = torch.randn(2, *network.spec.image_shape, generator=torch.Generator().manual_seed(0))
    x = x.to(weight.device, weight.dtype)
    with torch.no_grad():
        expected = body(x, _SmoothPass()).logits
        _SmoothRun(graph).propagate(x)  # stores the shapes in the graph
        _fold_norms(graph)
        for node in list(graph.graph.nodes):
            make_plain(graph, node)
        graph.graph.lint()
        graph.delete_all_unused_submodules()
        graph.recompile()
        _check(_SmoothRun(graph).run(x), expected)
    return graph


def _check(traced: Tensor, expected: Tensor) -> None:
    """Compare with the body: a trace misses in-place changes, and state that is kept between calls."""
    if not torch.allclose(traced, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max())):
        raise UserError(
            "model.arch: the network does something that tracing does not record; "
            "it must not change tensors in place, nor keep state between calls"
        )


class _TracePass(PlainPass):
    """Calls batch norms and neurons as modules, so that they become nodes of the graph."""

    def enter(self, layer: Callable[[Tensor], Tensor], x: Tensor, has_time: bool) -> Tensor:
        """The input of one step, still image or frame."""
        return layer(x)

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """A node of the graph."""
        out: Tensor = norm(x)
        return out

    def fire(self, lif: LIF, x: Tensor, is_last: bool = False) -> Tensor:
        """A node of the graph."""
        out: Tensor = lif(x)
        return out


class _Logits(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(x, _TracePass()).logits
        return logits


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LIF | nn.Conv2d) or super().is_leaf_module(m, module_qualified_name)


class _SmoothPass(PlainPass):
    """One step with a smooth function instead of neurons, so that rounding errors stay small."""

    def enter(self, layer: Callable[[Tensor], Tensor], x: Tensor, has_time: bool) -> Tensor:
        """The input of one step."""
        return layer(x)

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Running statistics."""
        return eval_batch_norm(norm, x)

    def fire(self, lif: LIF, x: Tensor, is_last: bool = False) -> Tensor:
        """Same shape."""
        return torch.tanh(x)


class _SmoothRun(ShapeProp):
    """Runs a graph in the same way as `_SmoothPass` runs the body."""

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A layer, or the smooth function."""
        if isinstance(self.fetch_attr(target), LIF):
            return torch.tanh(args[0])
        return super().call_module(target, args, kwargs)


def _trace(body: nn.Module) -> fx.GraphModule:
    tracer = _Tracer()
    try:
        graph = tracer.trace(_Logits(body))
    except (fx.proxy.TraceError, TypeError) as error:
        raise UserError(
            f"model.arch: the network's computation depends on its input, so it has no fixed graph: {error}"
        ) from error
    return fx.GraphModule(tracer.root, graph)


def _fold_norms(graph: fx.GraphModule) -> None:
    calls = Counter(node.target for node in graph.graph.nodes if node.op == "call_module")
    for node in list(graph.graph.nodes):
        norm = layer_of(graph, node)
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        before = node.args[0]
        conv = layer_of(graph, before)
        if isinstance(conv, nn.Conv2d) and calls[before.target] == 1 and len(before.users) == 1:
            graph.add_submodule(before.target, fold_norm(conv, norm))
            node.replace_all_uses_with(before)
            graph.graph.erase_node(node)
        else:
            replace(graph, node, norm_as_convolution(norm))
