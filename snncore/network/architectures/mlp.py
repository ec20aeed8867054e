"""Two fully connected hidden layers of neurons: for data without positions, such as SHD's 700 channels.

The layers are convolutions over maps of 1 × 1, so that passes need no special case; on images the first one
is as large as the image, which is a linear layer on all its pixels. There are no stages for branches. Shapes:
M samples, T·N in a pass that is flat over time.
"""

from __future__ import annotations

from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures.layers import scaled
from snncore.network.network import NetworkOutput
from snncore.neuron.neuron import LIF
from snncore.passes.passes import Pass


class MLP(nn.Module):
    """Twice linear, norm, LIF; a linear layer."""

    stage_channels: tuple[int, ...] = ()

    def __init__(self, spec: DataSpec, width: float, neuron: NeuronConfig) -> None:
        super().__init__()
        n1, n2 = scaled((256, 256), width)
        self.has_time = spec.has_time
        self.conv1 = nn.Conv2d(spec.channels, n1, (spec.height, spec.width), bias=False)
        self.norm1 = nn.BatchNorm2d(n1)
        self.lif1 = LIF(neuron)
        self.conv2 = nn.Conv2d(n1, n2, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(n2)
        self.lif2 = LIF(neuron)
        self.classifier = nn.Linear(n2, spec.n_classes)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        """x: (N, C, H, W), or event frames (T, N, C, H, W)."""
        x = run.fire(self.lif1, run.norm(self.norm1, run.enter(self.conv1, x, self.has_time)))
        x = run.fire(self.lif2, run.norm(self.norm2, self.conv2(x)), is_last=True)
        return NetworkOutput([], self.classifier(x.flatten(1)))  # (M, C, 1, 1) -> (M, C)


def build(spec: DataSpec, width: float, neuron: NeuronConfig) -> MLP:
    """The body for a data set's shape; 256 neurons a layer at width 1."""
    return MLP(spec, width, neuron)
