"""Rewrites a traced body, node by node, with the few layers that every deployment format has.

Shapes: (N, C, H, W) of one time step; `node.meta` holds them.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from snncore.errors import UserError
from snncore.network.pointwise import StridedPointwise
from snncore.neuron.neuron import LIF

PLAIN_LAYERS = (nn.Conv2d, nn.Linear, nn.AvgPool2d, nn.Flatten, LIF)


def make_plain(graph: fx.GraphModule, node: fx.Node) -> None:
    """Replace one node by plain layers.

    Raises:
        UserError: plain layers cannot do what it does.
    """
    layer = layer_of(graph, node)
    if isinstance(layer, StridedPointwise):
        graph.add_submodule(str(node.target), layer.plain())
        return
    if node.op in ("placeholder", "output") or isinstance(layer, PLAIN_LAYERS):
        return
    if isinstance(layer, nn.Identity | nn.Dropout):
        node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
        graph.graph.erase_node(node)
        return
    if _is_addition(node):
        node.op, node.target = "call_function", operator.add
        return
    layers = _as_layers(graph, node)
    if layers is None:
        what = type(layer_of(graph, node)).__name__ if node.op == "call_module" else node.target
        what = getattr(what, "__name__", what)
        raise UserError(
            f"model.arch: the network uses {what!r}, which cannot be exported; "
            "allowed: convolution, linear layer, neurons, batch norm, average pooling, flattening, addition"
        )
    replace(graph, node, *layers)


def _is_addition(node: fx.Node) -> bool:
    if node.target not in (operator.add, torch.add, "add", "add_") or node.kwargs or len(node.args) != 2:
        return False
    shapes = [_shape(part) for part in node.args if isinstance(part, fx.Node)]
    return len(shapes) == 2 and shapes[0] == shapes[1]


def _as_layers(graph: fx.GraphModule, node: fx.Node) -> tuple[nn.Module, ...] | None:
    """The plain layers that, one after the other, do what `node` does; None if there are none."""
    module = layer_of(graph, node)
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return _adaptive(node, module.output_size)
    if not node.args:
        return None
    if node.target is F.avg_pool2d:
        return (nn.AvgPool2d(**_options(node, *_POOLING_OPTIONS)),)
    if node.target is F.adaptive_avg_pool2d:
        return _adaptive(node, _options(node, "output_size")["output_size"])
    if node.target in ("flatten", torch.flatten):
        dims = {"start_dim": 0, "end_dim": -1} | _options(node, "start_dim", "end_dim")
        return (nn.Flatten(**dims),) if dims["start_dim"] != 0 else None
    if node.target in ("mean", torch.mean):
        return _mean(node, {"keepdim": False} | _options(node, "dim", "keepdim"))
    return None


_POOLING_OPTIONS = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")


def _mean(node: fx.Node, options: dict[str, Any]) -> tuple[nn.Module, ...] | None:
    """Average pooling, if the mean is over height and width; else None."""
    dim = options.get("dim")
    if set(options) != {"dim", "keepdim"} or not isinstance(dim, tuple | list):
        return None
    if sorted(d % 4 for d in dim) != [2, 3] or len(_shape(node.args[0])) != 4:
        return None
    _, _, height, width = _shape(node.args[0])
    pooling = nn.AvgPool2d((height, width))
    return (pooling,) if options["keepdim"] else (pooling, nn.Flatten(1))


def _adaptive(node: fx.Node, output_size: Any) -> tuple[nn.Module, ...] | None:
    """Average pooling to `output_size`; None if its windows would have different sizes."""
    sizes = output_size if isinstance(output_size, tuple | list) else (output_size, output_size)
    shape = _shape(node.args[0])[2:]
    out = [before if size is None else size for size, before in zip(sizes, shape, strict=True)]
    if any(before % size for size, before in zip(out, shape, strict=True)):
        return None
    return (nn.AvgPool2d((shape[0] // out[0], shape[1] // out[1])),)


def _options(node: fx.Node, *names: str) -> dict[str, Any]:
    """The arguments of a call except its input, by name; names: in the order of positional arguments."""
    return dict(zip(names, node.args[1:], strict=False)) | dict(node.kwargs)


def _shape(node: Any) -> tuple[int, ...]:
    assert isinstance(node, fx.Node)
    return tuple(node.meta["tensor_meta"].shape)


def layer_of(graph: fx.GraphModule, node: Any) -> nn.Module | None:
    """The layer that a node calls; None for other nodes."""
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return None
    return graph.get_submodule(str(node.target))


def replace(graph: fx.GraphModule, node: fx.Node, *layers: nn.Module) -> None:
    """Replace a node with one input by new layers, one after the other."""
    x = node.args[0]
    assert isinstance(x, fx.Node)
    with graph.graph.inserting_before(node):
        for layer in layers:
            name = f"{node.name}_{type(layer).__name__.lower()}"
            graph.add_submodule(name, layer)
            x = graph.graph.call_module(name, (x,))
            x.meta = dict(node.meta)
    node.replace_all_uses_with(x)
    graph.graph.erase_node(node)
