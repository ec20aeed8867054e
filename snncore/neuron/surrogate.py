"""Surrogate slopes: they replace the derivative of the step function at the threshold.

u: (...) distance of the potential from the threshold, v − v_threshold. Each has area 1 and a slope field k:

    sigmoid       k·σ(ku)·(1 − σ(ku))          derivative of a sigmoid (P0, P1 with k = 4)
    rectangular   k where |u| < 1/(2k), else 0   a rectangle of width 1/k (P2 with k = 1)
    triangle      k·max(0, 1 − k|u|)             a triangle of width 2/k
    arctan        (k/2) / (1 + (π·k·u/2)²)       derivative of arctan(π·k·u/2)/π
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from snncore.config.schema import NeuronConfig


def _sigmoid(u: Tensor, k: float) -> Tensor:
    s = u.mul_(k).sigmoid_()
    return s.addcmul_(s, s, value=-1).mul_(k)  # s − s², the square read before it is written


def _rectangular(u: Tensor, k: float) -> Tensor:
    return u.abs_().lt_(0.5 / k).mul_(k)


def _triangle(u: Tensor, k: float) -> Tensor:
    return u.abs_().mul_(-k * k).add_(k).clamp_(min=0)


def _arctan(u: Tensor, k: float) -> Tensor:
    return u.mul_(0.5 * math.pi * k).square_().add_(1).reciprocal_().mul_(0.5 * k)


_SLOPES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "sigmoid": _sigmoid,
    "rectangular": _rectangular,
    "triangle": _triangle,
    "arctan": _arctan,
}


def surrogate_slope_(u: Tensor, neuron: NeuronConfig) -> Tensor:
    """The slope at u = v − v_threshold, computed in place of u."""
    return _SLOPES[neuron.surrogate](u, neuron.surrogate_slope)


def surrogate_slope(v: Tensor, neuron: NeuronConfig) -> Tensor:
    """The slope at potentials v, same shape; v is not changed."""
    return surrogate_slope_(v - neuron.v_threshold, neuron)
