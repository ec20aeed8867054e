"""The network of SpikingJelly 2.0 modules in multi-step mode: all T steps go through a layer together.

SpikingJelly chooses the code of its neurons by device: torch on a CPU; on CUDA its own kernels where the
install has them, else Triton's, else torch. `implementation` tells which.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.peers.resnet import Parts, Peer
from snncore.config.schema import NeuronConfig
from snncore.neuron.quiet import quiet_spikingjelly

with quiet_spikingjelly():
    from spikingjelly.activation_based import functional, layer, neuron, surrogate


class SpikingJellyNetwork(Peer):
    """Same neuron as ours, step for step: decay 1 − 1/tau, fires at v >= threshold, either reset."""

    def __init__(self, setting: NeuronConfig, arch: str, width: float, n_classes: int, T: int) -> None:
        assert setting.surrogate == "sigmoid"

        def conv(n_in: int, n_out: int, kernel: int, stride: int) -> nn.Module:
            made: nn.Module = layer.Conv2d(
                n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False
            )
            return made

        def lif() -> nn.Module:
            made: nn.Module = neuron.LIFNode(
                tau=1 / (1 - setting.decay),
                decay_input=False,
                v_threshold=setting.v_threshold,
                v_reset=None if setting.reset == "soft" else 0.0,
                surrogate_function=surrogate.Sigmoid(alpha=setting.surrogate_slope),
                detach_reset=setting.detach_reset,
            )
            return made

        super().__init__(Parts(conv, layer.BatchNorm2d, lif), arch, width, n_classes, T)
        functional.set_step_mode(self, "m")

    def over_time(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Means over T."""
        current = self.body.stem_conv(x)
        # (N, C, H, W) -> (T, N, C, H, W); torch.cat keeps channels-last, repeat() would not
        currents = torch.cat([current] * self.T).view(self.T, *current.shape)
        with quiet_spikingjelly():  # it imports parts of itself at their first call
            stages, logits = self.body(currents)
        rates = [stage.mean(0) for stage in stages] if self.training else []
        return rates, logits.mean(0)

    def forget(self) -> None:
        """Potentials back to 0."""
        functional.reset_net(self)


def implementation(device: str) -> str:
    """Which code its neurons run on a device: torch-reference, cuda, triton or torch."""
    with quiet_spikingjelly():
        return str(functional.neuron_implementation("lif", torch.device(device))["implementation"])
