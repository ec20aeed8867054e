"""The sweeps in plain torch: the reference for the other backends, and used where none of them runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from snncore.config.schema import NeuronConfig
from snncore.neuron.neuron import backward_through_time, run_steps, run_steps_with_trace
from snncore.neuron.precision import working_dtype
from snncore.sweeps.interface import Fired, Norm, Term

CACHE_SIZE = 32_768
"""Neurons at a time on a CPU: 128 KiB per buffer in float32, so that all fit into the second-level cache."""


class TorchSweeps:
    """For any device and dtype. All T steps of one piece of the neurons are run before the next piece."""

    name = "torch"

    @torch.no_grad()
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance, (C,)."""
        variance, mean = torch.var_mean(x.to(working_dtype(x.dtype)), 0, correction=0)
        return mean, variance

    @torch.no_grad()
    def fire(self, terms: Sequence[Term], T: int, neuron: NeuronConfig, into: Tensor | None = None) -> Tensor:
        """Spikes (T, P, C)."""
        spikes = _empty_spikes(terms, T) if into is None else into
        for piece in _pieces(spikes):
            run_steps(_current(terms, piece, T), spikes[:, piece], neuron)
        return spikes

    @torch.no_grad()
    def fire_with_trace(
        self, terms: Sequence[Term], T: int, neuron: NeuronConfig, into: Tensor | None = None
    ) -> Fired:
        """Spikes, counts, traces, and the mean of each normalised term."""
        spikes = _empty_spikes(terms, T) if into is None else into
        one_step = spikes[0]
        count = torch.empty_like(one_step, dtype=count_dtype(T))
        trace = torch.empty_like(one_step)
        normed = tuple(torch.empty_like(one_step) for term in terms if term.norm is not None)
        for piece in _pieces(spikes):
            x = _current(terms, piece, T)
            with_norm = (term for term in terms if term.norm is not None)
            for term, out in zip(with_norm, normed, strict=True):
                mean = term.x[:, piece].mean(0, dtype=x.dtype)
                out[piece] = (mean - term.norm.mean) * term.norm.inverse_std  # type: ignore[union-attr]
            count[piece], trace[piece] = run_steps_with_trace(x, spikes[:, piece], neuron)
        return Fired(spikes, count, trace, normed)

    @torch.no_grad()
    def fire_backward(self, terms: Sequence[Term], grad: Tensor, T: int, neuron: NeuronConfig) -> Tensor:
        """Backpropagation through time."""
        out = torch.empty_like(grad)
        for piece in _pieces(grad):
            backward_through_time(_current(terms, piece, T), grad[:, piece], out[:, piece], neuron)
        return out

    @torch.no_grad()
    def norm_backward_sums(
        self, grad: Tensor, x: Tensor, norm: Norm | None, trace: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """h, Σh, Σh·x̂."""
        wide = working_dtype(grad.dtype)
        h = grad if trace is None else (grad * trace).to(grad.dtype)
        return h, h.sum(0, dtype=wide), (h * _normalised(x, norm, wide)).sum(0)

    @torch.no_grad()
    def norm_backward(
        self, h: Tensor, x: Tensor, norm: Norm | None, scale: Tensor, mean_h: Tensor, mean_hx: Tensor
    ) -> Tensor:
        """scale·(h − mean_h − x̂·mean_hx)."""
        centred = (h - mean_h).addcmul_(_normalised(x, norm, mean_h.dtype), mean_hx, value=-1)
        return centred.mul_(scale).to(h.dtype)


def count_dtype(T: int) -> torch.dtype:
    """The smallest integer dtype that counts up to T."""
    return torch.uint8 if T <= 255 else torch.int16


def _normalised(x: Tensor, norm: Norm | None, dtype: torch.dtype) -> Tensor:
    x = x.to(dtype)
    return x if norm is None else (x - norm.mean) * norm.inverse_std


def _empty_spikes(terms: Sequence[Term], T: int) -> Tensor:
    return terms[0].x.new_empty((T, *terms[0].x.shape[1:]))


def _pieces(x: Tensor) -> Iterator[slice]:
    """Slices of P, of x (T, P, C), in which the sweeps run."""
    n_positions, channels = x.shape[1:]
    if x.device.type != "cpu":
        yield slice(0, n_positions)
        return
    step = max(1, CACHE_SIZE // max(1, channels))
    yield from (slice(*ends) for ends in pairwise([*range(0, n_positions, step), n_positions]))


def _current(terms: Sequence[Term], piece: slice, T: int) -> Tensor:
    """The current (T, m, C) of one piece of m positions; an expanded view if it is the same at every step."""
    total: Tensor | None = None
    for term in terms:
        x = term.x[:, piece]
        x = x.to(working_dtype(x.dtype))
        if term.norm is not None:
            scale, shift = term.norm.scale_and_shift()
            x = torch.addcmul(shift, x, scale)
        total = x if total is None else total + x
    assert total is not None
    return total.expand(T, -1, -1)
