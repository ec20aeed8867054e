"""Optimizers, and the learning rate as a pure function of the epoch."""

from __future__ import annotations

import math

import torch
from torch import nn

from snncore.config import OptimConfig


def lr_at(optim: OptimConfig, epoch: int) -> float:
    """Learning rate of a 1-based `epoch`: cosine from `lr` in epoch 1 towards 0 after the last.

    Its length is always that of the full training, so a stopped training is a prefix of the full one.
    """
    return 0.5 * optim.lr * (1 + math.cos(math.pi * (epoch - 1) / optim.epochs))


def make_optimizer(network: nn.Module, optim: OptimConfig) -> torch.optim.Optimizer:
    """SGD with momentum, or AdamW with `momentum` as its first beta.

    Weight decay acts on weights only, not on batch norm or biases (all published recipes).
    """
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if optim.name == "sgd":
        return torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum)
    return torch.optim.AdamW(groups, lr=optim.lr, betas=(optim.momentum, 0.999))
