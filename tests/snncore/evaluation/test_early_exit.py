"""Early exit against a loop over samples and steps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from snncore.errors import UserError
from snncore.evaluation.early_exit import EarlyExit

T, N, K = 6, 40, 4
THRESHOLDS = (0.0, 0.5, 0.8, 0.95, 1.0)


def example(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    means = 2 * torch.randn(T, N, K, generator=generator)
    return means, torch.randint(0, K, (N,), generator=generator)


def by_loop(means: Tensor, labels: Tensor, threshold: float) -> tuple[float, float, list[int]]:
    right, exits = 0, [0] * T
    for n in range(N):
        for t in range(T):
            probability = means[t, n].exp() / means[t, n].exp().sum()
            if float(probability.max()) >= threshold or t == T - 1:
                exits[t] += 1
                right += int(probability.argmax() == labels[n])
                break
    steps = sum((t + 1) * n for t, n in enumerate(exits))
    return 100 * right / N, steps / N, exits


def test_each_threshold_equals_a_loop_over_samples() -> None:
    means, labels = example()
    early_exit = EarlyExit(THRESHOLDS)
    early_exit(means[:, :15], labels[:15])
    early_exit(means[:, 15:], labels[15:])
    results = early_exit.results()
    assert [result.threshold for result in results] == list(THRESHOLDS)
    for result in results:
        accuracy, mean_steps, exits = by_loop(means, labels, result.threshold)
        assert result.accuracy == pytest.approx(accuracy)
        assert result.mean_steps == pytest.approx(mean_steps)
        assert list(result.exits_at_t) == exits
    assert results[0].mean_steps == 1
    assert results[-1].mean_steps == T
    assert results[1].mean_steps < results[2].mean_steps < results[3].mean_steps


def test_a_probability_equal_to_the_threshold_is_enough() -> None:
    means = torch.zeros(3, 1, 2)  # probabilities of exactly 0.5
    early_exit = EarlyExit([0.5])
    early_exit(means, torch.tensor([0]))
    assert early_exit.results()[0].mean_steps == 1


def test_no_samples_give_nan() -> None:
    (result,) = EarlyExit([0.9]).results()
    assert math.isnan(result.accuracy)
    assert math.isnan(result.mean_steps)


@pytest.mark.parametrize("thresholds", [[], [1.2], [0.5, -0.1], [math.nan]])
def test_thresholds_that_are_no_probabilities_are_refused(thresholds: list[float]) -> None:
    with pytest.raises(UserError, match="probabilities from 0 to 1"):
        EarlyExit(thresholds)
