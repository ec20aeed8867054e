"""The spiking residual network for small images, of which resnet18 and resnet19 are settings (P0, P1).

Neurons come after the first batch norm of a block and after its sum. Shapes: M samples, T·N in a pass that
is flat over time.
"""

from __future__ import annotations

from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures.layers import MEAN_SQUARE_POOLED, LinearFire, residual_stages
from snncore.network.network import NetworkOutput
from snncore.network.pointwise import StridedPointwise
from snncore.neuron.neuron import LIF
from snncore.passes.passes import Pass


class BasicBlock(nn.Module):
    """conv, norm, LIF, conv, norm, + shortcut, LIF; the shortcut is 1×1 with a norm where shapes differ."""

    def __init__(self, n_in: int, n_out: int, stride: int, neuron: NeuronConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.lif1 = LIF(neuron)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.has_shortcut = stride != 1 or n_in != n_out
        if self.has_shortcut:
            self.shortcut = StridedPointwise(n_in, n_out, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(n_out)
        self.lif2 = LIF(neuron)

    def forward(self, x: Tensor, run: Pass) -> Tensor:
        """(M, n_in, H, W) -> (M, n_out, H/stride, W/stride), odd sizes rounded up."""
        y = run.fire(self.lif1, run.norm(self.norm1, self.conv1(x)), is_last=True)
        y = run.norm(self.norm2, self.conv2(y))
        if self.has_shortcut:
            x = run.norm(self.shortcut_norm, self.shortcut(x))
        return run.fire(self.lif2, y + x, is_last=True)


class SpikingResNet(nn.Module):
    """A 3×3 stem, stages of basic blocks, global average pooling, classifier.

    channels: of each stage; the stem has as many as the first. n_blocks: of each stage. n_hidden: neurons
    between the two linear layers of the classifier; 0: the classifier is one linear layer.
    """

    def __init__(
        self,
        spec: DataSpec,
        neuron: NeuronConfig,
        channels: tuple[int, ...],
        n_blocks: tuple[int, ...],
        n_hidden: int = 0,
    ) -> None:
        super().__init__()
        self.has_time = spec.has_time
        self.stage_channels = channels
        self.stem_conv = nn.Conv2d(spec.channels, channels[0], 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(channels[0])
        self.stem_lif = LIF(neuron)
        self.stages = residual_stages(BasicBlock, channels[0], channels, n_blocks, neuron)
        self.hidden = nn.ModuleList()
        if n_hidden > 0:
            self.hidden.append(LinearFire(channels[-1], n_hidden, neuron, MEAN_SQUARE_POOLED))
        self.classifier = nn.Linear(n_hidden or channels[-1], spec.n_classes)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        """x: (N, C, H, W), or event frames (T, N, C, H, W)."""
        x = run.fire(self.stem_lif, run.norm(self.stem_norm, run.enter(self.stem_conv, x, self.has_time)))
        x, stages = self.stages(x, run)
        x = x.mean((2, 3))  # (M, C, H, W) -> (M, C)
        for layer in self.hidden:
            x = layer(x, run)
        return NetworkOutput(stages, self.classifier(x))
