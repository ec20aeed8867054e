"""ANN branches (P1): ordinary ANN layers from the rate of a stage to class logits, run in training only.

Shapes: rate (N, C, H, W) -> logits (N, n_classes).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snncore.network.pointwise import StridedPointwise
from snncore.passes.norm import BatchNorm2d


def _relu(x: Tensor) -> Tensor:
    """In place: x is a sum or the output of a norm, whose values no backward pass reads."""
    return F.relu(x, inplace=True)


class Depthwise(nn.Conv2d):
    """A depthwise convolution; always float32 on a CPU, where bfloat16 takes several times as long."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H', W')."""
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class HalvingBlock(nn.Module):
    """Depthwise-separable block: (N, C, H, W) -> (N, 2C, H/2, W/2), with a 1×1 shortcut of stride 2 (P1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.depthwise1 = Depthwise(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False)
        self.pointwise1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm1 = BatchNorm2d(channels)
        self.depthwise2 = Depthwise(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise2 = nn.Conv2d(channels, wide, 1, bias=False)
        self.norm2 = BatchNorm2d(wide)
        self.shortcut = StridedPointwise(channels, wide, 2, bias=False)
        self.shortcut_norm = BatchNorm2d(wide)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 2C, H/2, W/2), odd sizes rounded up."""
        y = _relu(self.norm1(self.pointwise1(self.depthwise1(x))))
        y = _relu(self.norm2(self.pointwise2(self.depthwise2(y))))
        return _relu(y + self.shortcut_norm(self.shortcut(x)))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside an identity: (N, C, H, W), same shape (P1, ImageNet)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        y = _relu(self.norm1(self.conv1(x)))
        return _relu(x + self.norm2(self.conv2(y)))


class Branch(nn.Module):
    """S − s halving blocks after stage s of S, then global average pooling and a linear layer.

    with_residual: each halving block is followed by a residual block, as on ImageNet (P1).
    Pools the whole map; published code pools the upper left 4×4, which is the same for its CIFAR sizes.
    """

    def __init__(self, channels: int, n_blocks: int, n_classes: int, with_residual: bool = False) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for n_in in (channels * 2**i for i in range(n_blocks)):
            blocks.append(HalvingBlock(n_in))
            if with_residual:
                blocks.append(ResidualBlock(2 * n_in))
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels * 2**n_blocks, n_classes)

    def forward(self, rate: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, n_classes)."""
        logits: Tensor = self.classifier(self.blocks(rate).mean((2, 3)))
        return logits
