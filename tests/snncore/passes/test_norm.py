"""Batch norm of the two passes against golden values and against formulas written out here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from snncore.passes.norm import BatchStatistics, batch_norm_with, norm_from_statistics, spike_batch_norm

UNITS = np.load(Path(__file__).parents[2] / "golden" / "units.npz")


def relative(got: Tensor | None, want: Tensor) -> float:
    assert got is not None
    return float((got.detach() - want).norm() / want.norm())


def rate_batch_norm(norm: nn.BatchNorm2d, rate: Tensor, statistics: BatchStatistics) -> Tensor:
    return batch_norm_with(rate, norm_from_statistics(norm, statistics))


def test_rate_batch_norm_reproduces_the_published_values() -> None:
    golden = {key[3:]: torch.from_numpy(UNITS[key]) for key in UNITS if key.startswith("bn/")}
    norm = nn.BatchNorm2d(5)
    norm.weight.data, norm.bias.data = golden["gamma"].clone(), golden["beta"].clone()
    _, statistics = spike_batch_norm(norm, golden["x"].flatten(0, 1))
    rate = golden["x"].mean(0).requires_grad_()
    out = rate_batch_norm(norm, rate, statistics)
    out.backward(golden["grad_out"])
    assert relative(out, golden["rate_out"]) < 1e-5
    assert relative(rate.grad, golden["grad_in"]) < 1e-5
    assert relative(norm.weight.grad, golden["grad_gamma"]) < 1e-5
    assert relative(norm.bias.grad, golden["grad_beta"]) < 1e-5


def test_rate_batch_norm_gradient_is_that_of_the_stop_gradient_form() -> None:
    """P1's definition: m = mean(r) + stop(m_spike - mean(r)), v = var(r) + stop(v_spike - var(r))."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 6, 3, 2, 2, generator=generator, dtype=torch.float64)
    norm = nn.BatchNorm2d(3).double()
    nn.init.normal_(norm.weight, 1, 0.3, generator=generator)
    _, statistics = spike_batch_norm(norm, x.flatten(0, 1))
    grad = torch.randn(6, 3, 2, 2, generator=generator, dtype=torch.float64)

    ours = x.mean(0).requires_grad_()
    rate_batch_norm(norm, ours, statistics).backward(grad)

    r = x.mean(0).requires_grad_()
    over = (0, 2, 3)
    flat = x.flatten(0, 1)
    mean, var = r.mean(over), r.var(over, unbiased=False)
    m = mean + (flat.mean(over) - mean).detach()
    v = var + (flat.var(over, unbiased=False) - var).detach()
    shape = (1, 3, 1, 1)
    out = norm.weight.view(shape) * (r - m.view(shape)) / (v.view(shape) + norm.eps).sqrt()
    (theirs,) = torch.autograd.grad(out, r, grad)
    torch.testing.assert_close(ours.grad, theirs, rtol=1e-10, atol=1e-12)


def test_running_statistics_move_once_with_the_unbiased_variance_of_all_steps() -> None:
    x = torch.randn(12, 2, 3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    norm = nn.BatchNorm2d(2).double()
    spike_batch_norm(norm, x)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * x.var((0, 2, 3), unbiased=True))
