"""The confusion matrix against a count by hand."""

from __future__ import annotations

import torch
from torch.nn.functional import one_hot

from snncore.evaluation.confusion import Confusion

LABELS = torch.tensor([0, 0, 1, 1, 1, 3])
PREDICTED = torch.tensor([0, 2, 1, 1, 0, 3])
COUNTS = [[1, 0, 1, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_rows_are_true_classes_and_columns_predicted_ones() -> None:
    last = one_hot(PREDICTED, 4).float()
    means = torch.stack([-last, last])  # only the mean over all steps counts
    confusion = Confusion(4)
    confusion(means[:, :2], LABELS[:2])
    confusion(means[:, 2:], LABELS[2:])
    assert confusion.counts().tolist() == COUNTS
    assert confusion.counts().dtype == torch.int64


def test_without_samples_all_counts_are_zero() -> None:
    assert Confusion(3).counts().tolist() == [[0] * 3] * 3
