"""What the sweeps must compute, written out step by step in float64, and differentiated by autograd.

Shapes: x (T, P, C); v (P, C). Nothing of snncore's own arithmetic is used here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snncore.config.schema import NeuronConfig
from snncore.sweeps.interface import Norm, Term


def slope(u: Tensor, neuron: NeuronConfig) -> Tensor:
    """The surrogate's derivative at u = v − threshold, from its formula."""
    k = neuron.surrogate_slope
    if neuron.surrogate == "sigmoid":
        return k * torch.sigmoid(k * u) * torch.sigmoid(-k * u)
    if neuron.surrogate == "rectangular":
        return torch.where(u.abs() < 1 / (2 * k), k, 0.0).to(u.dtype)
    if neuron.surrogate == "triangle":
        return k * torch.relu(1 - k * u.abs())
    return k / 2 / (1 + (math.pi * k * u / 2) ** 2)


class Spike(torch.autograd.Function):
    """A step forward, the surrogate's slope backward."""

    @staticmethod
    def forward(ctx, v: Tensor, neuron: NeuronConfig) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.slope = slope(v - neuron.v_threshold, neuron)
        return (v >= neuron.v_threshold).to(v.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        return grad * ctx.slope, None


def run(x: Tensor, neuron: NeuronConfig) -> tuple[Tensor, Tensor]:
    """Spikes and potentials before the reset, (T, P, C) each; autograd passes through the spikes."""
    v = torch.zeros_like(x[0])
    spikes, potentials = [], []
    for x_t in x:
        before = neuron.decay * v + x_t
        spike = Spike.apply(before, neuron)
        in_reset = spike.detach() if neuron.detach_reset else spike
        v = before - neuron.v_threshold * in_reset if neuron.reset == "soft" else before * (1 - in_reset)
        spikes.append(spike)
        potentials.append(before)
    return torch.stack(spikes), torch.stack(potentials)


def x_hat(x: Tensor, norm: Norm) -> Tensor:
    return (x.double() - norm.mean.double()) * norm.inverse_std.double()


def current(terms: list[Term], T: int) -> Tensor:
    """(T, P, C) in float64."""
    total = torch.zeros(T, *terms[0].x.shape[1:], dtype=torch.float64)
    for x, norm in terms:
        total = total + (x.double() if norm is None else x_hat(x, norm) * norm.gamma + norm.beta)
    return total


def trace(x: Tensor, neuron: NeuronConfig) -> Tensor:
    """(P, C): derivative of the mean spike by a constant added to the current of every step."""
    constant = torch.zeros_like(x[0], requires_grad=True)
    spikes, _ = run(x + constant, neuron)
    (grad,) = torch.autograd.grad(spikes.mean(0).sum(), constant)
    return grad


def backward(x: Tensor, grad: Tensor, neuron: NeuronConfig) -> Tensor:
    """dL/d(current), (T, P, C)."""
    x = x.clone().requires_grad_()
    spikes, _ = run(x, neuron)
    (out,) = torch.autograd.grad(spikes, x, grad.double())
    return out


def batch_norm_backward(grad: Tensor, x: Tensor, gamma: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by x (M, C), beta and gamma (C,) of a batch norm over the rows."""
    x, gamma = x.double().clone().requires_grad_(), gamma.double().clone().requires_grad_()
    beta = torch.zeros_like(gamma, requires_grad=True)
    variance, mean = torch.var_mean(x, 0, correction=0)
    y = (x - mean) / torch.sqrt(variance + eps) * gamma + beta
    by_x, by_beta, by_gamma = torch.autograd.grad(y, (x, beta, gamma), grad.double())
    return by_x, by_beta, by_gamma
