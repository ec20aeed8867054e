"""The rate gradient (P0, P1) in one pass: the spikes of T steps and their mean travel together.

Convolutions are linear and norms affine, so every activation of P0's rate pass is the time mean of that of
the spike pass; only its gradient has to be computed in addition. Compared with `snncore.passes.two_pass`, the
reference in tests, this saves the forward convolutions of the rate pass. What is kept for backward has the
size of one step: per convolution the number of spikes in one byte, per layer of neurons the trace and x̂ of
each norm.

Shapes: T time steps, N batch, S = T, or 1 where it is the same at every step; rows (P, C), P = N·H·W
positions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from snncore.neuron.neuron import LIF
from snncore.passes.norm import RunningStatistics, batch_norm_with
from snncore.passes.parts import buffer_for_spikes, flat_shape, normalised, sample_shape, terms_of
from snncore.passes.passes import PER_SAMPLE, Activation, Layer, NetworkOutput
from snncore.passes.rate_nodes import (
    convolution,
    convolve,
    fire_rate,
    is_plain_convolution,
    rate_at,
    rate_of_count,
)
from snncore.passes.rows import as_samples
from snncore.passes.signals import Current, LazyPass, NeedsTwoPassesError, Pair, Part, Signal
from snncore.sweeps import sweeps_for

VIEWS = {"__getitem__", "flatten", "squeeze"}
"""Functions that rearrange values without computing, so that counts stay counts."""

LINEAR = {
    *("add", "sub", "__sub__", "__rsub__", "__neg__", "neg", "sum", "mean", "cat", "stack", "pad"),
    *("chunk", "split", "__getitem__", "flatten", "unflatten", "reshape", "view", "squeeze", "unsqueeze"),
    *("permute", "transpose", "movedim", "contiguous", "clone", "avg_pool2d", "adaptive_avg_pool2d"),
}
"""Functions for which mean over time and function commute. Others work too, but are run twice."""

LINEAR_IN_ONE = {"mul", "__mul__", "__rmul__", "div", "__truediv__", "linear", "conv2d", "matmul"}
"""Functions that are linear if only their first argument is a signal."""


class OnePass(LazyPass):
    """Runs a network once in training; its output are rates, with gradients.

    The network's forward raises:
        NeedsTwoPassesError: the network asks for something on which spikes and rates differ, such as the
            number of samples; nothing was changed.
    """

    def __init__(self, T: int) -> None:
        super().__init__(T)
        self._running = RunningStatistics()

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Activation:
        """`layer` on the input. A still sample is its own time mean, so `layer` runs on it once."""
        if has_time and x.shape[0] != self.T:
            raise ValueError(f"frames: got {x.shape[0]} time steps, need T = {self.T}")
        if has_time:
            return layer(Pair(self, x.flatten(0, 1), x.mean(0), is_still=False))  # type: ignore[arg-type]
        return layer(Pair(self, x, x, is_still=True))  # type: ignore[arg-type]

    def normed(self, norm: nn.BatchNorm2d, part: Part) -> Part:
        """The part with this norm: batch statistics over (T·N, H, W)."""
        of_spikes = self._running.norm_of(norm, part.x, self.T if part.is_still else 1)
        if part.is_exact:
            return part._replace(norm=of_spikes)
        assert part.node is not None
        with torch.no_grad():
            x = batch_norm_with(part.x, of_spikes)
        return part._replace(x=x, node=batch_norm_with(part.node, of_spikes))

    def fire(self, lif: LIF, x: Activation, is_last: bool = False) -> Pair:
        """Spikes, and the rate, whose derivative is the trace."""
        parts = self.parts(x)
        terms = terms_of(parts, self.T)
        into = buffer_for_spikes(parts, terms) if is_last else None
        fired = sweeps_for(parts[0].x.device).fire_with_trace(terms, self.T, lif.neuron, into)
        spikes = as_samples(fired.spikes, flat_shape(parts[0], self.T))
        count = as_samples(fired.counts, sample_shape(parts[0], self.T))
        return Pair(self, spikes, fire_rate(parts, fired, count.shape), is_still=False, count=count)

    def stage(self, x: Activation) -> Pair:
        """The rate alone, so that the spikes can be freed after the next layer."""
        pair = self._pair(x)
        return Pair(self, None, pair.node, pair.is_still, pair.count)

    def leave(self, output: NetworkOutput) -> NetworkOutput:
        """Rates (N, ...) with gradients; updates the running statistics."""
        stages = [self._rate(self._pair(stage)) for stage in output.stages]
        logits = self._rate(self._pair(output.logits))
        self._running.move()
        return NetworkOutput(stages, logits)

    def part(self, x: Pair) -> Part:
        """A pair as a part."""
        assert x.over_time is not None
        return Part(x.over_time, x.is_still, node=x.node, is_exact=x.is_exact)

    def can_add(self, a: Activation, b: Activation) -> bool:
        """Whether both are currents or pairs of the same shape."""
        if not (isinstance(a, Signal) and isinstance(b, Signal)):
            return False
        first, second = (self.parts(x)[0].x for x in (a, b))
        return first.shape[1:] == second.shape[1:]

    def sum(self, parts: tuple[Part, ...]) -> Pair:
        """The sum, over time and as a mean."""
        is_still = all(part.is_still for part in parts)
        with torch.no_grad():
            values = [normalised(part) for part in parts]
            if not is_still:
                values = [self.over_time(x, part.is_still) for x, part in zip(values, parts, strict=True)]
            over_time = reduce(torch.add, values)
        rates = [normalised(part._replace(x=self._rate_at(part))) for part in parts]
        is_exact = all(part.is_exact for part in parts)
        return Pair(self, over_time, reduce(torch.add, rates), is_still, is_exact=is_exact)

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call `function` on the spikes and on the rate; a convolution on the spikes alone."""
        name = getattr(function, "__name__", "")
        args, kwargs = _map_leaves(Signal, self._pair, (args, kwargs))
        pairs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Pair)]
        if name == "conv2d" and is_plain_convolution(*args, **kwargs) and args[0].is_exact:
            return self._convolve(*args, **kwargs)
        if name in VIEWS and len(pairs) == 1 and pairs[0].count is not None:
            return self._rearranged(function, args, kwargs, pairs[0])
        rate_args, rate_kwargs = _map_leaves(Pair, self._rate, (args, kwargs))
        rate = function(*rate_args, **rate_kwargs)
        if len(pairs) == 1 and pairs[0].is_still and name in PER_SAMPLE:
            return Pair(self, rate.detach(), rate, is_still=True)
        with torch.no_grad():
            time_args, time_kwargs = _map_leaves(Pair, self._over_time, (args, kwargs))
            over_time = function(*time_args, **time_kwargs)
        return self._paired(over_time, rate, name, _is_exact(name, args, pairs))

    def attribute(self, signal: Signal, name: str) -> Any:
        """An attribute that is the same for spikes and rate."""
        pair = self._pair(signal)
        return self._paired(getattr(self._over_time(pair), name), getattr(self._rate(pair), name), name)

    def _convolve(self, pair: Pair, weight: Tensor, *bias_and_how: Any, **named: Any) -> Current:
        out, node = convolve(pair, weight, *convolution(*bias_and_how, **named), self.T)
        return Current(self, (Part(out, pair.is_still, node=node),))

    def _rearranged(self, function: Callable[..., Any], args: Any, kwargs: Any, pair: Pair) -> Pair:
        def of(part: Tensor) -> Any:
            part_args, part_kwargs = _map_leaves(Pair, lambda _: part, (args, kwargs))
            return function(*part_args, **part_kwargs)

        return Pair(self, of(self._over_time(pair)), of(pair.node), pair.is_still, of(pair.count))  # type: ignore[arg-type]

    def _paired(self, over_time: Any, rate: Any, name: str, is_exact: bool = False) -> Any:
        time_leaves, structure = tree_flatten(over_time)
        rate_leaves = tree_leaves(rate)
        if [type(leaf) for leaf in time_leaves] != [type(leaf) for leaf in rate_leaves]:
            raise NeedsTwoPassesError(name)
        leaves = []
        for a, b in zip(time_leaves, rate_leaves, strict=True):
            if not isinstance(a, Tensor) and a != b:
                raise NeedsTwoPassesError(f"{name} is {a} for the samples of all steps and {b} for a batch")
            leaves.append(Pair(self, a, b, False, is_exact=is_exact) if isinstance(a, Tensor) else a)
        return tree_unflatten(leaves, structure)

    def _pair(self, x: Any) -> Pair:
        x = self.computed(x)
        if isinstance(x, Current):  # a convolution's output, without a norm
            (part,) = x.parts
            x.value = x.value or Pair(
                self, part.x, self._rate_at(part), part.is_still, is_exact=part.is_exact
            )
            x = x.value
        assert isinstance(x, Pair)
        return x

    def _rate_at(self, part: Part) -> Tensor:
        assert part.node is not None
        if not part.is_exact:
            return part.node
        mean = part.x if part.is_still else part.x.unflatten(0, (self.T, -1)).mean(0)
        return rate_at(part.node, mean)

    def _rate(self, pair: Pair) -> Tensor:
        return pair.node if pair.count is None else rate_of_count(pair.node, pair.count, self.T)

    def _over_time(self, pair: Pair) -> Tensor:
        assert pair.over_time is not None
        return self.over_time(pair.over_time, pair.is_still)


def _is_exact(name: str, args: tuple[Any, ...], pairs: list[Pair]) -> bool:
    if not all(pair.is_exact for pair in pairs):
        return False
    return name in LINEAR or (name in LINEAR_IN_ONE and len(pairs) == 1 and args[0] is pairs[0])


def _map_leaves(kind: type, function: Callable[[Any], Any], nested: Any) -> Any:
    return tree_map(lambda leaf: function(leaf) if isinstance(leaf, kind) else leaf, nested)
