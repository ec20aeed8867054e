"""SEW-ResNet-34 (Fang et al. 2021, NeurIPS, connection ADD): a block adds spikes to spikes.

Every convolution is followed by norm and neurons, also in shortcuts, so the outputs of stages are small
counts. For large images the stem max-pools nine spikes; the rate pass max-pools nine rates.
Shapes: M samples, T·N in a pass that is flat over time.
"""

from __future__ import annotations

from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures.layers import (
    ConvNormFire,
    require_images,
    residual_stages,
    scaled,
    stem_by_size,
)
from snncore.network.network import NetworkOutput
from snncore.network.pointwise import StridedPointwise
from snncore.neuron.neuron import LIF
from snncore.passes.passes import Pass


class SEWBlock(nn.Module):
    """Twice conv, norm, LIF; + shortcut, which is 1×1 with norm and LIF where shapes differ."""

    def __init__(self, n_in: int, n_out: int, stride: int, neuron: NeuronConfig) -> None:
        super().__init__()
        self.unit1 = ConvNormFire(n_in, n_out, stride, neuron)
        self.unit2 = ConvNormFire(n_out, n_out, 1, neuron)
        self.has_shortcut = stride != 1 or n_in != n_out
        if self.has_shortcut:
            self.shortcut = StridedPointwise(n_in, n_out, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(n_out)
            self.shortcut_lif = LIF(neuron)

    def forward(self, x: Tensor, run: Pass) -> Tensor:
        """(M, n_in, H, W) -> (M, n_out, H/stride, W/stride), odd sizes rounded up."""
        y = self.unit2(self.unit1(x, run), run)
        if self.has_shortcut:
            x = run.norm(self.shortcut_norm, self.shortcut(x))
            x = run.fire(self.shortcut_lif, x, is_last=True)
        out: Tensor = y + x
        return out


class SEWResNet34(nn.Module):
    """Stem, stages of 3, 4, 6 and 3 blocks, global average pooling, a linear layer."""

    def __init__(self, spec: DataSpec, width: float, neuron: NeuronConfig) -> None:
        super().__init__()
        self.stage_channels = channels = scaled((64, 128, 256, 512), width)
        self.has_time = spec.has_time
        self.stem_conv, self.stem_pool = stem_by_size(spec, channels[0], bias=False)
        self.stem_norm = nn.BatchNorm2d(channels[0])
        self.stem_lif = LIF(neuron)
        self.stages = residual_stages(SEWBlock, channels[0], channels, (3, 4, 6, 3), neuron)
        self.classifier = nn.Linear(channels[-1], spec.n_classes)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        """x: (N, C, H, W), or event frames (T, N, C, H, W)."""
        x = run.norm(self.stem_norm, run.enter(self.stem_conv, x, self.has_time))
        x, stages = self.stages(self.stem_pool(run.fire(self.stem_lif, x)), run)
        return NetworkOutput(stages, self.classifier(x.mean((2, 3))))


def build(spec: DataSpec, width: float, neuron: NeuronConfig) -> SEWResNet34:
    """The body for a data set's shape; a 7×7 stem with max-pooling for large images.

    Raises:
        ConfigError: the samples are no images.
    """
    require_images(spec, "sew_resnet34")
    return SEWResNet34(spec, width, neuron)
