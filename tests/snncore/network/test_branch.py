"""ANN branches against the same layers written out (P1)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from snncore.network.branch import Branch, HalvingBlock, ResidualBlock
from snncore.passes.norm import BatchNorm2d


def rates(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def normed(x: Tensor, norm: BatchNorm2d) -> Tensor:
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0)
    scale, shift = (parameter.view(1, -1, 1, 1) for parameter in (norm.weight, norm.bias))
    return (x - mean) / (variance + norm.eps).sqrt() * scale + shift


def shaken(branch: torch.nn.Module) -> None:
    """Norms that are not the identity."""
    generator = torch.Generator().manual_seed(1)
    for part in branch.modules():
        if isinstance(part, BatchNorm2d):
            for parameter in (part.weight, part.bias):
                parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)


def test_residual_block_written_out() -> None:
    block, x = ResidualBlock(3).double(), rates(2, 3, 5, 5)
    shaken(block)
    y = normed(F.conv2d(x, block.conv1.weight, padding=1), block.norm1).relu()
    y = normed(F.conv2d(y, block.conv2.weight, padding=1), block.norm2)
    torch.testing.assert_close(block(x), (x + y).relu())


def test_halving_block_written_out() -> None:
    block, x = HalvingBlock(3).double(), rates(2, 3, 6, 6)
    shaken(block)
    y = F.conv2d(x, block.depthwise1.weight, stride=2, padding=1, groups=3)
    y = normed(F.conv2d(y, block.pointwise1.weight), block.norm1).relu()
    y = F.conv2d(y, block.depthwise2.weight, padding=1, groups=3)
    y = normed(F.conv2d(y, block.pointwise2.weight), block.norm2).relu()
    residual = normed(F.conv2d(x[:, :, ::2, ::2], block.shortcut.weight), block.shortcut_norm)
    torch.testing.assert_close(block(x), (y + residual).relu())


@pytest.mark.parametrize("with_residual", [False, True])
@pytest.mark.parametrize("n_blocks", [0, 1, 2])
def test_a_branch_ends_with_the_last_stages_channels(n_blocks: int, with_residual: bool) -> None:
    branch = Branch(4, n_blocks, 7, with_residual).double()
    kinds = [HalvingBlock, ResidualBlock] if with_residual else [HalvingBlock]
    assert [type(block) for block in branch.blocks] == kinds * n_blocks
    assert branch.classifier.in_features == 4 * 2**n_blocks
    x = rates(3, 4, 9, 9)
    expected = branch.classifier(branch.blocks(x).mean((2, 3)))
    assert expected.shape == (3, 7)
    torch.testing.assert_close(branch(x), expected)


def test_a_branch_pools_the_whole_map() -> None:
    """Published code reads the upper left 4×4 of larger maps."""
    branch, x = Branch(4, 0, 7).double(), rates(1, 4, 8, 8)
    x.requires_grad_()
    branch(x).sum().backward()
    assert x.grad is not None
    assert bool((x.grad != 0).all())
