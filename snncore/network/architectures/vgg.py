"""The spiking VGG of which vgg9 and vgg11 are settings: 3×3 convolutions, 2×2 average pooling.

Average pooling commutes with the mean over time, so the rate pass computes exactly the spike pass's averages.
Shapes: M samples, T·N in a pass that is flat over time.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures.layers import (
    MEAN_SQUARE_POOLED,
    MEAN_SQUARE_SPIKES,
    ConvNormFire,
    LinearFire,
    Stages,
)
from snncore.network.network import NetworkOutput
from snncore.passes.passes import Pass


class AveragePooling(nn.Module):
    """2×2 average pooling; a side of 1 stays 1."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d((min(2, height), min(2, width)))

    def forward(self, x: Tensor, run: Pass) -> Tensor:
        """(M, C, H, W) -> (M, C, H/2, W/2), odd sizes rounded down."""
        pooled: Tensor = self.pool(x)
        return pooled


class VGG(nn.Module):
    """Stages of groups of convolutions, pooling between groups, a classifier on global means.

    groups: for each stage, for each of its groups, the channels of its convolutions; the very first is the
    stem. hidden: neurons between the linear layers of the classifier. The output of a stage are the spikes of
    its last convolution.
    """

    def __init__(
        self,
        spec: DataSpec,
        neuron: NeuronConfig,
        groups: Sequence[Sequence[Sequence[int]]],
        hidden: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.has_time = spec.has_time
        self.stage_channels = tuple(stage[-1][-1] for stage in groups)
        height, width, n_in = spec.height, spec.width, groups[0][0][0]
        self.stem = ConvNormFire(spec.channels, n_in, 1, neuron)
        self.stages = Stages()
        for index, stage in enumerate(groups):
            units: list[nn.Module] = []
            for number, group in enumerate(stage):
                is_first = index == number == 0
                if not is_first:
                    units.append(AveragePooling(height, width))
                    height, width = max(1, height // 2), max(1, width // 2)
                for n_out in group[is_first:]:
                    units.append(ConvNormFire(n_in, n_out, 1, neuron))
                    n_in = n_out
            self.stages.append(nn.ModuleList(units))
        self.hidden = nn.ModuleList()
        mean_square = MEAN_SQUARE_POOLED
        for n_out in hidden:
            self.hidden.append(LinearFire(n_in, n_out, neuron, mean_square))
            n_in, mean_square = n_out, MEAN_SQUARE_SPIKES
        self.classifier = nn.Linear(n_in, spec.n_classes)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        """x: (N, C, H, W), or event frames (T, N, C, H, W)."""
        stem = self.stem
        x = run.fire(stem.lif, run.norm(stem.norm, run.enter(stem.conv, x, self.has_time)))
        x, stages = self.stages(x, run)
        x = x.mean((2, 3))  # (M, C, H, W) -> (M, C)
        for layer in self.hidden:
            x = layer(x, run)
        return NetworkOutput(stages, self.classifier(x))
