"""How a network is run: the same layers, called by different passes.

A network's forward does not decide how a neuron fires or a batch is normalised: it calls the pass it is
given. So all ways to run share the weights, no layer holds state between passes, and another way to run is
one more class. Here are evaluation and backpropagation through time; the rate gradient is in
`snncore.passes.one_pass`, its reference in `snncore.passes.two_pass`.

Shapes: T time steps, N batch. "Flat" tensors put time into the batch, step-major: (T·N, C, H, W).
Input: still samples (N, C, H, W), or event frames (T, N, C, H, W).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from snncore.neuron.neuron import LIF
from snncore.passes.norm import RunningStatistics, eval_norm
from snncore.passes.parts import buffer_for_spikes, flat_shape, normalised, terms_of
from snncore.passes.rows import as_samples, channels_last
from snncore.passes.signals import Current, LazyPass, Part, Signal
from snncore.passes.through_time import fire_through_time
from snncore.sweeps import sweeps_for

Layer = Callable[[Tensor], Tensor]
Activation = Any
"""A tensor, or a `Signal` used instead of one."""

PER_SAMPLE = {"conv2d", "linear", "max_pool2d", "avg_pool2d", "relu"}
"""Functions that are computed once for values that are the same at every step."""


class NetworkOutput(NamedTuple):
    """stages: the output of each stage; logits: (N, n_classes) or flat (T·N, n_classes)."""

    stages: list[Tensor]
    logits: Tensor


class Pass(Protocol):
    """A way to run a network. Where types say Tensor, a `Signal` may be passed instead."""

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Tensor:
        """Apply `layer`, all that comes before the first neurons, to the input: still, or with a time
        axis."""
        ...

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Batch norm, same shape."""
        ...

    def fire(self, lif: LIF, x: Tensor, is_last: bool = False) -> Tensor:
        """Neurons, same shape.

        is_last: nothing else reads x, nor what norms and sums computed it from: spikes may use its memory.
        """
        ...

    def stage(self, x: Tensor) -> Tensor:
        """What branches need of a stage's output; the network itself continues with `x`."""
        ...

    def leave(self, output: NetworkOutput) -> NetworkOutput:
        """The network's output as tensors. Called once, at the end, by `SpikingNetwork`, not by bodies."""
        ...


class PlainPass:
    """Base of passes in which layers exchange plain tensors."""

    def stage(self, x: Tensor) -> Tensor:
        """As it is."""
        return x

    def leave(self, output: NetworkOutput) -> NetworkOutput:
        """As it is."""
        return output


class _FlatPass(LazyPass):
    """A pass that carries spikes in flat tensors."""

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Activation:
        """A still sample gives the same current at every step, so that `layer` runs on it once."""
        if not has_time:
            return Current(self, (Part(channels_last(layer(x)), is_still=True),))
        if x.shape[0] != self.T:
            raise ValueError(f"frames: got {x.shape[0]} time steps, need T = {self.T}")
        return channels_last(layer(x.flatten(0, 1)))  # (T, N, ...) -> (T·N, ...)

    def stage(self, x: Activation) -> Activation:
        """As it is."""
        return x

    def leave(self, output: NetworkOutput) -> NetworkOutput:
        """Flat tensors."""
        return NetworkOutput([self._flat(stage) for stage in output.stages], self._flat(output.logits))

    def can_add(self, a: Activation, b: Activation) -> bool:
        """Whether both are activations that can be added without broadcasting."""
        if not all(isinstance(x, Signal | Tensor) for x in (a, b)):
            return False
        first, second = (self.parts(x)[0].x for x in (a, b))
        return first.shape[1:] == second.shape[1:]

    def part(self, x: Tensor) -> Part:
        """A flat tensor, all steps, as a part."""
        return Part(x, is_still=False)

    def sum(self, parts: tuple[Part, ...]) -> Activation:
        """The sum: a flat tensor, or still if all parts are."""
        values = [normalised(part) for part in parts]
        if all(part.is_still for part in parts):
            return Current(self, (Part(reduce(torch.add, values), is_still=True),))
        moving = [self.over_time(x, part.is_still) for x, part in zip(values, parts, strict=True)]
        return reduce(torch.add, moving)

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call `function` on flat tensors; once on a still value if that gives the same."""
        signals = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Current)]
        if len(signals) == 1 and signals[0].is_still and function.__name__ in PER_SAMPLE:
            value = self.computed(signals[0]).parts[0].x
            args, kwargs = tree_map(lambda leaf: value if leaf is signals[0] else leaf, (args, kwargs))
            return Current(self, (Part(channels_last(function(*args, **kwargs)), is_still=True),))
        args, kwargs = tree_map(self._flat, (args, kwargs))
        return function(*args, **kwargs)

    def attribute(self, signal: Signal, name: str) -> Any:
        """An attribute of the flat tensor."""
        return getattr(self._flat(signal), name)

    def _flat(self, x: Any) -> Any:
        x = self.computed(x)
        return self.over_time(x.parts[0].x, x.parts[0].is_still) if isinstance(x, Current) else x


class BpttPass(_FlatPass):
    """Backpropagation through time, with surrogate gradients, over the same weights."""

    def __init__(self, T: int) -> None:
        super().__init__(T)
        self._running = RunningStatistics()

    def normed(self, norm: nn.BatchNorm2d, part: Part) -> Part:
        """The part with this norm: batch statistics over (T·N, H, W)."""
        return part._replace(norm=self._running.norm_of(norm, part.x, self.T if part.is_still else 1))

    def fire(self, lif: LIF, x: Activation, is_last: bool = False) -> Tensor:
        """Spikes (T·N, ...)."""
        return fire_through_time(self.parts(x), self.T, lif.neuron)

    def leave(self, output: NetworkOutput) -> NetworkOutput:
        """Flat tensors; updates the running statistics."""
        self._running.move()
        return super().leave(output)


class EvalPass(_FlatPass):
    """Spikes over T steps in evaluation: running statistics, no gradients, no traces."""

    def __init__(self, T: int, on_spikes: Callable[[LIF, Tensor], None] | None = None) -> None:
        super().__init__(T)
        self.on_spikes = on_spikes

    def normed(self, norm: nn.BatchNorm2d, part: Part) -> Part:
        """The part with this norm: running statistics."""
        return part._replace(norm=eval_norm(norm), is_own=False)

    def fire(self, lif: LIF, x: Activation, is_last: bool = False) -> Tensor:
        """Spikes (T·N, ...); `on_spikes` is called with them as (T, N, ...)."""
        parts = self.parts(x)
        terms = terms_of(parts, self.T)
        into = buffer_for_spikes(parts, terms) if is_last else None
        spikes = sweeps_for(parts[0].x.device).fire(terms, self.T, lif.neuron, into)
        flat = as_samples(spikes, flat_shape(parts[0], self.T))
        if self.on_spikes is not None:
            self.on_spikes(lif, split_time(flat, self.T))
        return flat


def split_time(x: Tensor, T: int) -> Tensor:
    """(T·N, ...) -> (T, N, ...)."""
    steps: Tensor = x.unflatten(0, (T, -1))
    return steps


def inference(network: nn.Module, x: Tensor, T: int) -> Tensor:
    """Logits of every step, (T, N, n_classes); the prediction is the class of their mean."""
    with torch.inference_mode():
        logits: Tensor = network(x, EvalPass(T)).logits
        return split_time(logits, T)
