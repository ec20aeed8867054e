"""One optimizer step: the same object trains, is timed, and has its memory measured."""

from __future__ import annotations

import torch
from torch import Tensor

from snncore.config import Config
from snncore.distillation import Losses, make_objective
from snncore.gradient import make_gradient
from snncore.network import SpikingConvNet, build_network
from snncore.optim import make_optimizer


class NonFiniteLossError(FloatingPointError):
    """The loss of a step is not finite; nothing was changed by that step but running statistics."""


class Trainer:
    """A config's network with its optimizer, on a device.

    Modes, gradients and architectures are objects made from the config; the step does not ask which.
    """

    def __init__(self, config: Config, device: str) -> None:
        self.network: SpikingConvNet = build_network(config).to(device)
        self.optimizer = make_optimizer(self.network, config.optim)
        self._gradient = make_gradient(config)
        self._objective = make_objective(config)
        self._divisor = config.T if config.optim.loss_over_T else 1

    def step(self, images: Tensor, labels: Tensor) -> tuple[Losses, Tensor]:
        """Train on one batch: images (N, C, H, W), labels (N,) -> losses, logits (N, n_classes), detached.

        Raises:
            NonFiniteLossError: before the weights are touched.
        """
        outputs = self._gradient(self.network, images)
        losses = self._objective(outputs, labels)
        if not torch.isfinite(losses.total):
            raise NonFiniteLossError(losses.total.item())
        (losses.total / self._divisor).backward()
        self.optimizer.step()
        # Freed here, not before backward: gradients need not live through the next forward pass.
        self.optimizer.zero_grad(set_to_none=True)
        return Losses(*(part.detach() for part in losses)), outputs.heads[-1].detach()

    def set_lr(self, lr: float) -> None:
        """Set the learning rate of all parameters."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
