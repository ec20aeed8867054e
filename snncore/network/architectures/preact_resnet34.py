"""PreAct-ResNet-34 (P0, P1): neurons before each 3×3 convolution; blocks add the outputs of their norms.

So the inputs of shortcuts, of the next stage and of the classifier are sums of currents, not spikes, as
published: the 1×1 shortcuts and the classifier need multiplications. Convolutions have a bias.
Shapes: M samples, T·N in a pass that is flat over time.
"""

from __future__ import annotations

from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures.layers import require_images, residual_stages, scaled, stem_by_size
from snncore.network.network import NetworkOutput
from snncore.network.pointwise import StridedPointwise
from snncore.neuron.neuron import LIF
from snncore.passes.passes import Pass


class PreActBlock(nn.Module):
    """LIF, conv, norm, LIF, conv, norm, + shortcut; the shortcut is 1×1 with a norm where shapes differ."""

    def __init__(self, n_in: int, n_out: int, stride: int, neuron: NeuronConfig) -> None:
        super().__init__()
        self.lif1 = LIF(neuron)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.lif2 = LIF(neuron)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.has_shortcut = stride != 1 or n_in != n_out
        if self.has_shortcut:
            self.shortcut = StridedPointwise(n_in, n_out, stride, bias=True)
            self.shortcut_norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, run: Pass) -> Tensor:
        """(M, n_in, H, W) -> (M, n_out, H/stride, W/stride), odd sizes rounded up."""
        y = run.norm(self.norm1, self.conv1(run.fire(self.lif1, x)))
        y = run.norm(self.norm2, self.conv2(run.fire(self.lif2, y, is_last=True)))
        if self.has_shortcut:
            x = run.norm(self.shortcut_norm, self.shortcut(x))
        return y + x


class PreActResNet34(nn.Module):
    """Stem, stages of 3, 4, 6 and 3 blocks, global average pooling, a linear layer."""

    branch_style = "halving_residual"

    def __init__(self, spec: DataSpec, width: float, neuron: NeuronConfig) -> None:
        super().__init__()
        self.stage_channels = channels = scaled((64, 128, 256, 512), width)
        self.has_time = spec.has_time
        self.stem_conv, self.stem_pool = stem_by_size(spec, channels[0], bias=True)
        self.stem_norm = nn.BatchNorm2d(channels[0])
        self.stages = residual_stages(PreActBlock, channels[0], channels, (3, 4, 6, 3), neuron)
        self.classifier = nn.Linear(channels[-1], spec.n_classes)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        """x: (N, C, H, W), or event frames (T, N, C, H, W)."""
        x = self.stem_pool(run.norm(self.stem_norm, run.enter(self.stem_conv, x, self.has_time)))
        x, stages = self.stages(x, run)
        return NetworkOutput(stages, self.classifier(x.mean((2, 3))))


def build(spec: DataSpec, width: float, neuron: NeuronConfig) -> PreActResNet34:
    """The body for a data set's shape; a 7×7 stem with max-pooling for large images.

    Raises:
        ConfigError: the samples are no images.
    """
    require_images(spec, "preact_resnet34")
    return PreActResNet34(spec, width, neuron)
