"""The interface of a backend: the sweeps over memory that are run between two convolutions.

Shapes: T time steps; P positions, N·H·W of a batch; C channels; M rows, T·P or P; S is T, or 1 for what is
the same at every step. All tensors are contiguous, channels innermost: a channels-last batch (M, C, H, W) is
the matrix (M·H·W, C) without a copy. Statistics, scales and sums are (C,), float32; float64 for float64 data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from snncore.config.schema import NeuronConfig


class Norm(NamedTuple):
    """x -> (x − mean)·inverse_std·gamma + beta, each of shape (C,)."""

    mean: Tensor
    inverse_std: Tensor
    gamma: Tensor
    beta: Tensor

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """The same map as x -> a·x + b: a and b."""
        scale = self.inverse_std * self.gamma
        return scale, self.beta - self.mean * scale


class Term(NamedTuple):
    """One of the one or two summands of the input current: x (S, P, C), normalised unless norm is None."""

    x: Tensor
    norm: Norm | None


class Fired(NamedTuple):
    """The result of T steps, in the dtype of the terms except for the counts.

    spikes: (T, P, C), zeros and ones. counts: (P, C), how often each neuron fired, uint8 for T up to 255,
    else int16. trace: (P, C), mean over T of f_t·slope_t (P0, `snncore.neuron`). normed: for each term with a
    norm, in their order, the mean over T of (x − mean)·inverse_std, (P, C).
    """

    spikes: Tensor
    counts: Tensor
    trace: Tensor
    normed: tuple[Tensor, ...]


class Sweeps(Protocol):
    """A backend for float32, float64 or bfloat16 data. It computes in float32, for float64 data in float64.

    No sweep waits for the device, and none changes an argument other than `into`.
    """

    name: str

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (M, C) -> mean and biased variance over the rows; accurate if the spread is far below the
        mean."""
        ...

    def fire(self, terms: Sequence[Term], T: int, neuron: NeuronConfig, into: Tensor | None = None) -> Tensor:
        """Spikes (T, P, C) of the sum of the terms, potentials 0 at the start.

        into: where they are written, which may be the x of a term; None: into new memory.
        """
        ...

    def fire_with_trace(
        self, terms: Sequence[Term], T: int, neuron: NeuronConfig, into: Tensor | None = None
    ) -> Fired:
        """As `fire`, with all that the rate gradient needs."""
        ...

    def fire_backward(self, terms: Sequence[Term], grad: Tensor, T: int, neuron: NeuronConfig) -> Tensor:
        """Backpropagation through the T steps of `fire`, recomputed: dL/d(spikes) -> dL/d(sum of the terms).

        grad, result: (T, P, C), in the dtype of grad.
        """
        ...

    def norm_backward_sums(
        self, grad: Tensor, x: Tensor, norm: Norm | None, trace: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """h = grad·trace, Σh and Σh·x̂ over the rows: the gradients of the current, of beta and of gamma.

        grad (M, C); x (M, C): the norm's input, or x̂ itself if norm is None; trace (M, C), or None for 1,
        where h is grad itself. All are of one dtype, h too.
        """
        ...

    def norm_backward(
        self, h: Tensor, x: Tensor, norm: Norm | None, scale: Tensor, mean_h: Tensor, mean_hx: Tensor
    ) -> Tensor:
        """scale·(h − mean_h − x̂·mean_hx): the gradient of the norm's input (P1), in the dtype of h.

        h, x (M, C) as in `norm_backward_sums`; scale (gamma·inverse_std), mean_h, mean_hx (C,).
        """
        ...
