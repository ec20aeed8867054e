"""The network of snnTorch's Leaky neurons, in that library's style: one time step after the other.

Two differences to ours stay. Batch norm sees one step at a time, so that in training each step has its own
statistics. And the soft reset subtracts the threshold at the step after the spike, where it is not decayed:

    snnTorch    v_t = decay·v_{t-1} + x_t − v_threshold·spike_{t-1}
    ours        v_t = decay·(v_{t-1} − v_threshold·spike_{t-1}) + x_t

The hard reset is the same as ours. Ours fires at the threshold too, snnTorch's only above it.
"""

from __future__ import annotations

import snntorch
import torch
from snntorch import surrogate
from torch import Tensor, nn

from benchmarks.peers.resnet import Parts, Peer
from snncore.config.schema import NeuronConfig


class _Leaky(snntorch.Leaky):  # type: ignore[misc]
    """Spikes in the type of the currents, where snnTorch's are always float32: for tests in float64."""

    def forward(self, current: Tensor) -> Tensor:  # type: ignore[override]
        spikes: Tensor = super().forward(current)
        return spikes.to(current.dtype)


class SnnTorchNetwork(Peer):
    """Leaky neurons that keep their potential in themselves."""

    def __init__(self, setting: NeuronConfig, arch: str, width: float, n_classes: int, T: int) -> None:
        assert setting.surrogate == "sigmoid"
        assert setting.detach_reset

        def conv(n_in: int, n_out: int, kernel: int, stride: int) -> nn.Module:
            return nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False)

        def lif() -> nn.Module:
            return _Leaky(
                beta=setting.decay,
                threshold=setting.v_threshold,
                spike_grad=surrogate.sigmoid(setting.surrogate_slope),
                init_hidden=True,
                reset_mechanism="subtract" if setting.reset == "soft" else "zero",
            )

        super().__init__(Parts(conv, nn.BatchNorm2d, lif), arch, width, n_classes, T)
        snntorch.Leaky.instances.clear()  # of all neurons ever made: it would keep dropped networks alive

    def over_time(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Means over T, summed up step by step."""
        current = self.body.stem_conv(x)
        sums, total = self.body(current)
        for _ in range(self.T - 1):
            stages, logits = self.body(current)
            if self.training:
                sums = [a + b for a, b in zip(sums, stages, strict=True)]
            total = total + logits
        rates = [stage / self.T for stage in sums] if self.training else []
        return rates, total / self.T

    def forget(self) -> None:
        """Potentials back to 0, and no graph kept alive behind them."""
        for module in self.modules():
            if isinstance(module, snntorch.Leaky):
                module.mem = torch.zeros(0, device=module.mem.device)  # it takes the shape of the next input
