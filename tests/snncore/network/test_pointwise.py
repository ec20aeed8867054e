"""The shortcut's convolution: what torch computes, without the crash of its backward pass."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from snncore.network.pointwise import StridedPointwise


@pytest.mark.parametrize("size", [(7, 8), (8, 8), (1, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_equals_the_strided_convolution(size: tuple[int, int], bias: bool) -> None:
    torch.manual_seed(0)
    ours = StridedPointwise(5, 6, 2, bias=bias).double()
    torch.manual_seed(0)
    theirs = nn.Conv2d(5, 6, 1, stride=2, bias=bias).double()
    x = torch.randn(3, 5, *size, dtype=torch.float64)
    ours_x, theirs_x = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, want = ours(ours_x), theirs(theirs_x)
    torch.testing.assert_close(y, want, rtol=1e-12, atol=1e-14)
    weight = torch.randn(y.shape, dtype=torch.float64)
    (y * weight).sum().backward()
    (want * weight).sum().backward()
    torch.testing.assert_close(ours_x.grad, theirs_x.grad, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-12, atol=1e-14)


def test_narrow_shortcuts_on_large_maps_do_not_kill_the_process() -> None:
    code = (
        "import torch\n"
        "from snncore.network.pointwise import StridedPointwise\n"
        "last = torch.channels_last\n"
        "for n in (1, 3, 4, 6, 8):\n"
        "    conv = StridedPointwise(n, 2 * n, 2, bias=False).to(memory_format=last)\n"
        "    x = torch.rand(2, n, 56, 56).to(memory_format=last).requires_grad_()\n"
        "    y = conv(x)\n"
        "    y.backward(torch.rand(y.shape).to(memory_format=last))\n"
        "filler = [torch.rand(1000) for _ in range(300)]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
