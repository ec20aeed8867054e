"""ANN branches (P1): from the rate of a stage to class logits. Run only in training, ordinary ANN layers.

Shapes: rate (N, C, H, W) -> logits (N, n_classes).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class HalvingBlock(nn.Module):
    """Depthwise-separable block: (N, C, H, W) -> (N, 2C, H/2, W/2), with a 1×1 shortcut of stride 2 (P1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.depthwise1 = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False)
        self.pointwise1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.depthwise2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise2 = nn.Conv2d(channels, wide, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.shortcut = nn.Conv2d(channels, wide, 1, stride=2, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(wide)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 2C, H/2, W/2), odd sizes rounded up."""
        y = F.relu(self.norm1(self.pointwise1(self.depthwise1(x))))
        y = F.relu(self.norm2(self.pointwise2(self.depthwise2(y))))
        return F.relu(y + self.shortcut_norm(self.shortcut(x)))


class Branch(nn.Module):
    """S − s halving blocks, then global average pooling and a linear layer.

    Pools the whole map; published code reads its upper left 4×4, which is the same on its CIFAR sizes.
    """

    def __init__(self, channels: int, n_blocks: int, n_classes: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*[HalvingBlock(channels * 2**i) for i in range(n_blocks)])
        self.classifier = nn.Linear(channels * 2**n_blocks, n_classes)

    def forward(self, rate: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, n_classes)."""
        logits: Tensor = self.classifier(self.blocks(rate).mean((2, 3)))
        return logits
