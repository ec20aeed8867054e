"""What the number of samples of each class makes of an accuracy: balanced accuracy, and what guessing gives.

A split is told by numbers under the names that metrics and results share, `about_split`; SPLIT is `train`,
`val` or `test`. `studies.accuracy` judges recorded trials by the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def balanced_accuracy(n_per_class: Sequence[int], right_per_class: Sequence[int]) -> float:
    """Mean recall over the classes that have a sample, percent; maximise.

    n_per_class: samples of each class; right_per_class: how many of them were classified rightly.
    NaN without any sample; of one class alone its recall, which is then the accuracy.
    """
    recalls = [right / n for n, right in zip(n_per_class, right_per_class, strict=True) if n]
    return 100.0 * sum(recalls) / len(recalls) if recalls else math.nan


def about_split(split: str, n_per_class: Sequence[int]) -> dict[str, float]:
    """`n_classes`, `n_SPLIT_samples`, `n_SPLIT_classes` (that have a sample), `SPLIT_largest_class_share`.

    The share, what always guessing the largest class gives, is in percent, and NaN without any sample.
    """
    n = sum(n_per_class)
    return {
        "n_classes": len(n_per_class),
        f"n_{split}_samples": n,
        f"n_{split}_classes": sum(count > 0 for count in n_per_class),
        f"{split}_largest_class_share": 100.0 * max(n_per_class) / n if n else math.nan,
    }


def guessing_text(accuracy: float, n: int, share: float) -> str:
    """How an accuracy stands to always guessing the largest class; "" where it is clearly above that.

    accuracy, share (of the largest class): percent, of n samples, 1 or more. Clearly is by more than the
    standard error of n guesses which are right with probability p = share/100, 100·√(p(1 − p)/n) points.
    """
    p = share / 100.0
    error = 100.0 * math.sqrt(p * (1.0 - p) / n)
    guessing = f"above what always guessing the largest class gives, {share:.2f} %"
    if accuracy <= share:
        return f"not {guessing}"
    if accuracy <= share + error:
        return f"{guessing}, by no more than the standard error of {error:.2f} points"
    return ""


def accuracy_text(split: str, values: Mapping[str, Any]) -> str:
    """SPLIT_accuracy with what it is of: "98.46 % (1 of 65 samples wrong; largest class 98.46 %)".

    values: also `about_split`; results of before it was recorded are told without the bracket.
    """
    accuracy, n = values[f"{split}_accuracy"], values.get(f"n_{split}_samples")
    if not n:
        return f"{accuracy:.2f} %"
    n_wrong = n - round(accuracy * n / 100.0)
    share = values[f"{split}_largest_class_share"]
    return f"{accuracy:.2f} % ({n_wrong:,} of {n:,} sample{'s'[: n != 1]} wrong; largest class {share:.2f} %)"


def split_remarks(split: str, values: Mapping[str, Any]) -> list[str]:
    """What keeps SPLIT_accuracy from telling much, a sentence each without a full stop; values: as above."""
    accuracy, n = values.get(f"{split}_accuracy"), values.get(f"n_{split}_samples")
    if accuracy is None or not n:
        return []
    name = "validation" if split == "val" else split
    guessing = guessing_text(accuracy, n, values[f"{split}_largest_class_share"])
    n_missing = values["n_classes"] - values[f"n_{split}_classes"]
    missing = f"{n_missing} of {values['n_classes']} classes have no {name} sample"
    return [f"{name} accuracy is {guessing}"] * bool(guessing) + [missing] * bool(n_missing)
