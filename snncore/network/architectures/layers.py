"""Layers and stages that several bodies use.

Shapes: M samples, T·N in a pass that is flat over time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.errors import ConfigError, Problem
from snncore.neuron.neuron import LIF
from snncore.passes.passes import Pass

LARGE_SIDE = 96
"""Side length from which ImageNet networks use the ImageNet stem, which divides both sides by four."""

MEAN_SQUARE_POOLED = 1 / 16
"""Mean square of spikes after a norm, averaged over position."""

MEAN_SQUARE_SPIKES = 1 / 6
"""Mean square of spikes after a norm, which is their mean."""

Block = Callable[[int, int, int, NeuronConfig], nn.Module]
"""Channels in and out, stride, neuron -> a module called with (x, run)."""


class ConvNormFire(nn.Module):
    """3×3 convolution without bias, batch norm, neurons."""

    def __init__(self, n_in: int, n_out: int, stride: int, neuron: NeuronConfig) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.lif = LIF(neuron)

    def forward(self, x: Tensor, run: Pass) -> Tensor:
        """(M, n_in, H, W) -> (M, n_out, H/stride, W/stride), odd sizes rounded up."""
        return run.fire(self.lif, run.norm(self.norm, self.conv(x)), is_last=True)


class LinearFire(nn.Module):
    """Linear layer and neurons, without a norm.

    mean_square: of the input at the initial weights. The weights are drawn such that the currents have
    variance 1, as after a norm, and the neurons fire as often as others. With torch's initial weights, which
    published code uses, they are silent and learn nothing for many epochs.
    """

    def __init__(self, n_in: int, n_out: int, neuron: NeuronConfig, mean_square: float) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        nn.init.normal_(self.linear.weight, std=(n_in * mean_square) ** -0.5)
        self.lif = LIF(neuron)

    def forward(self, x: Tensor, run: Pass) -> Tensor:
        """(M, n_in) -> (M, n_out)."""
        return run.fire(self.lif, self.linear(x), is_last=True)


class Stages(nn.ModuleList):
    """Lists of units, each called with (x, run)."""

    def forward(self, x: Tensor, run: Pass) -> tuple[Tensor, list[Tensor]]:
        """The output of the last stage, and for each stage what branches need of it."""
        outputs = []
        for stage in self:
            for unit in stage:  # type: ignore[attr-defined]
                x = unit(x, run)
            outputs.append(run.stage(x))
        return x, outputs


def residual_stages(
    block: Block, n_in: int, channels: Sequence[int], n_blocks: Sequence[int], neuron: NeuronConfig
) -> Stages:
    """Stages of residual blocks; all but the first halve the resolution, in their first block."""
    stages = Stages()
    for index, (n_out, n) in enumerate(zip(channels, n_blocks, strict=True)):
        first = block(n_in, n_out, 1 if index == 0 else 2, neuron)
        stages.append(nn.ModuleList([first, *(block(n_out, n_out, 1, neuron) for _ in range(n - 1))]))
        n_in = n_out
    return stages


def stem_by_size(spec: DataSpec, n_out: int, *, bias: bool) -> tuple[nn.Conv2d, nn.Module]:
    """Convolution and pooling before the first stage: 7×7 with stride 2 and 3×3 max-pooling for large inputs
    (ImageNet), 3×3 and no pooling for small ones (CIFAR)."""
    if min(spec.height, spec.width) < LARGE_SIDE:
        return nn.Conv2d(spec.channels, n_out, 3, padding=1, bias=bias), nn.Identity()
    conv = nn.Conv2d(spec.channels, n_out, 7, stride=2, padding=3, bias=bias)
    return conv, nn.MaxPool2d(3, stride=2, padding=1)


def scaled(base: Sequence[int], width: float) -> tuple[int, ...]:
    """Numbers of channels times `width`, rounded, at least 1 each."""
    return tuple(max(1, round(channels * width)) for channels in base)


def require_images(spec: DataSpec, arch: str) -> None:
    """Refuse samples that are no images, so that there is nothing to convolve over.

    Raises:
        ConfigError: they are 1 × 1.
    """
    if spec.height == spec.width == 1:
        message = f"{arch} needs images, got samples of {spec.channels} × 1 × 1; use mlp"
        raise ConfigError([Problem("model.arch", message)])
