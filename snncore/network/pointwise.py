"""1×1 convolutions with a stride, as used in shortcuts."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class StridedPointwise(nn.Conv2d):
    """A 1×1 convolution with stride, run without stride on the pixels that it reads: the same result.

    The backward pass of oneDNN for a strided one writes outside its buffers and kills the process (torch
    2.13, maps in channels-last): on a CPU with AVX-512 for 8 input channels or fewer on maps of 56 × 56, on
    one with AVX2 only for 6 or fewer even on maps of 8 × 8.
    """

    def __init__(self, n_in: int, n_out: int, stride: int, *, bias: bool) -> None:
        super().__init__(n_in, n_out, 1, stride=stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(M, n_in, H, W) -> (M, n_out, H/stride, W/stride), odd sizes rounded up."""
        down, across = self.stride
        return F.conv2d(x[:, :, ::down, ::across], self.weight, self.bias)

    def plain(self) -> nn.Conv2d:
        """The same function as a layer of torch, sharing the weights, for export to other programs."""
        down, across = self.stride
        conv = nn.Conv2d(self.in_channels, self.out_channels, 1, stride=(down, across), bias=False)
        conv.weight, conv.bias = self.weight, self.bias
        return conv
