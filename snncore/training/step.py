"""One optimizer step, in training and for measurements of time and memory alike."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from snncore.config.schema import Config
from snncore.distributed import is_distributed, sum_over_ranks, world_size
from snncore.network.network import SpikingNetwork, build_network
from snncore.neuron.precision import forward_precision
from snncore.training.divergence import LossWatch
from snncore.training.ema import MovingAverage
from snncore.training.gradient import Outputs, make_gradient
from snncore.training.losses import Losses, make_loss
from snncore.training.optim import clip_gradients, make_optimizer


class Step(NamedTuple):
    """The result of a step, without gradient.

    losses and n, the number of samples: of the global batch. logits (N, n_classes): of this process's.
    """

    losses: Losses
    n: Tensor | int
    logits: Tensor


class Trainer:
    """A config's network with its optimizer, on a device.

    Modes, gradients and architectures are objects made from the config; the step is the same for all.
    With several processes, each has a Trainer, and calls `step` with its share of every batch.
    """

    def __init__(self, config: Config, device: str, waits: bool | None = None) -> None:
        """waits: wait for the device after each loss; None: except on CUDA, which would be idle meanwhile."""
        self.config = config
        self.network: SpikingNetwork = build_network(config).to(device)
        waits = not device.startswith("cuda") if waits is None else waits
        self.optimizer = make_optimizer(self.network, config.optim, is_fused=not waits)
        self._watch = LossWatch(self.optimizer, device, waits)
        decay = config.optim.ema_decay
        self.average = None if decay is None else MovingAverage(self.network, decay)
        self._forward = _parallel(_Forward(self.network, config, device))
        self._loss_function = make_loss(config)
        self._divisor = config.T if config.optim.loss_over_T else 1

    @property
    def predictor(self) -> SpikingNetwork:
        """The network to evaluate and to save: the moving average if the config has one."""
        return self.network if self.average is None else self.average.network

    def step(self, x: Tensor, labels: Tensor) -> Step:
        """Train on one batch: x (N, C, H, W) or (T, N, C, H, W), labels (N,).

        A step on CUDA does not wait for the device; `check` raises if its loss was not finite.

        Raises:
            NonFiniteLossError: the loss is not finite; raised before the weights change, in all processes
                alike. Not on CUDA.
        """
        outputs: Outputs = self._forward(x)
        losses = self._loss_function(outputs, labels)
        global_losses, n = _over_ranks(losses, len(labels))
        self._watch.observe(global_losses.total)
        (losses.total / self._divisor).backward()
        clip_gradients(self.network.parameters(), self.config.optim.clip_norm)
        self.optimizer.step()
        # Freed here, not before backward, so that the next forward pass does not need their memory.
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.network)
        return Step(global_losses, n, outputs.heads[-1].detach())

    def check(self) -> None:
        """Call after an epoch.

        Raises:
            NonFiniteLossError: a loss was not finite; the weights are those before that step.
        """
        self._watch.check()

    def set_lr(self, lr: float) -> None:
        """Set the learning rate of all parameters."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def has_finite_weights(self) -> bool:
        """Whether every weight and running statistic of the network is a finite number."""
        floats = [value for value in self.network.state_dict().values() if value.is_floating_point()]
        return bool(torch.stack(torch._foreach_norm(floats, float("inf"))).isfinite().all())

    def tensors(self) -> list[Tensor]:
        """All tensors that exist between two steps: weights, buffers, optimizer state, moving average."""
        average = [] if self.average is None else list(self.average.network.state_dict().values())
        state = [value for entry in self.optimizer.state.values() for value in entry.values()]
        kept = [value for value in state if isinstance(value, Tensor)]
        return [*self.network.parameters(), *self.network.buffers(), *kept, *average]


class _Forward(nn.Module):
    """From a batch to logits, in one or two passes; the module that DistributedDataParallel wraps."""

    def __init__(self, network: SpikingNetwork, config: Config, device: str) -> None:
        super().__init__()
        self.network = network
        self._gradient = make_gradient(config)
        self._config, self._device = config, device

    def forward(self, x: Tensor) -> Outputs:
        with forward_precision(self._config, self._device):
            heads, steps = self._gradient(self.network, x)
        if self._config.precision == "fp32":
            return Outputs(heads, steps)
        return Outputs(heads.float(), None if steps is None else steps.float())


def _parallel(forward: _Forward) -> nn.Module:
    """With several processes, average the gradients over them during the backward pass."""
    if not is_distributed():
        return forward
    # It also sends the running statistics of process 0 to all, which changes nothing: every process computes
    # those of the global batch (snncore.passes.norm). The argument that disables it depends on the release.
    return DistributedDataParallel(forward, gradient_as_bucket_view=True)


def _over_ranks(losses: Losses, n: int) -> tuple[Losses, Tensor | int]:
    """Losses and number of samples of the global batch: the mean and the sum over the processes."""
    local = Losses(*(part.detach() for part in losses))
    if not is_distributed():
        return local, n
    numbers = torch.cat([torch.stack(local[:3]), local.reliable_share, local.total.new_tensor([n])])
    *parts, n_all = sum_over_ranks(numbers)
    total, ce, kd, *shares = (part / world_size() for part in parts)
    return Losses(total, ce, kd, torch.stack(shares) if shares else local.reliable_share), n_all
