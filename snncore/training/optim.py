"""Optimizers, and the learning rate as a pure function of the epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from snncore.config.schema import OptimConfig


def lr_at(optim: OptimConfig, epoch: int) -> float:
    """Learning rate of a 1-based `epoch`: `lr`, times the schedule's factor, times that of the warm-up.

    The schedule always has the length of the full training, so a stopped training is a prefix of it.
    """
    return optim.lr * _schedule(optim, epoch) * min(1.0, epoch / (optim.warmup_epochs + 1))


def _schedule(optim: OptimConfig, epoch: int) -> float:
    """cosine: from 1 in epoch 1 towards 0 after the last; step: down every `step_epochs`; constant: 1."""
    match optim.schedule:
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * (epoch - 1) / optim.epochs))
        case "step":
            return float(optim.step_factor ** ((epoch - 1) // optim.step_epochs))
        case "constant":
            return 1.0


def make_optimizer(network: nn.Module, optim: OptimConfig, is_fused: bool = False) -> torch.optim.Optimizer:
    """SGD with momentum, or AdamW with `momentum` as its first beta.

    Weight decay acts on weights only, not on batch norm or biases (all published recipes).
    is_fused: one kernel for all weights; steps can then be skipped by a flag on the device.
    """
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    fused = True if is_fused else None
    if optim.name == "sgd":
        return torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum, fused=fused)
    return torch.optim.AdamW(groups, lr=optim.lr, betas=(optim.momentum, 0.999), fused=fused)


def clip_gradients(parameters: Iterable[nn.Parameter], clip_norm: float | None) -> None:
    """Scale all gradients together so that their common norm is at most `clip_norm`; None: leave them."""
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, clip_norm)
