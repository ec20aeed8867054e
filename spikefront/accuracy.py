"""Describes the data of an accuracy, and whether it is better than guessing, in the same words everywhere.

A split is described by numbers whose names metrics and results of trainings share (`about_split`); SPLIT is
`train`, `val` or `test`. Records from before they were measured lack them; then the texts are empty.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spikefront.numbers import is_number
from spikefront.text import decimals

SPLITS = {"train": "training", "val": "validation", "test": "test"}

SAMPLES = (
    "n_classes",
    *(f"n_{split}_classes" for split in SPLITS),
    *(f"n_{split}_samples" for split in ("val", "test")),
    *(f"{split}_largest_class_share" for split in ("val", "test")),
)
"""Names of the numbers that describe the splits in the result of a final training."""


def balanced_accuracy(n_per_class: Sequence[int], right_per_class: Sequence[int]) -> float:
    """Mean recall over the classes that have a sample, percent; maximise.

    n_per_class: samples of each class; right_per_class: how many of them were classified rightly.
    NaN without samples; with a single class its recall, which is then the accuracy.
    """
    recalls = [right / n for n, right in zip(n_per_class, right_per_class, strict=True) if n]
    return 100.0 * sum(recalls) / len(recalls) if recalls else math.nan


def about_split(split: str, n_per_class: Sequence[int]) -> dict[str, float]:
    """`n_classes`, `n_SPLIT_samples`, `n_SPLIT_classes` (that have a sample), `SPLIT_largest_class_share`.

    The share, which is the accuracy of always guessing the largest class, is in percent; NaN without samples.
    """
    n = sum(n_per_class)
    return {
        "n_classes": len(n_per_class),
        f"n_{split}_samples": n,
        f"n_{split}_classes": sum(count > 0 for count in n_per_class),
        f"{split}_largest_class_share": 100.0 * max(n_per_class) / n if n else math.nan,
    }


def about_accuracy(accuracy: float | None, values: Mapping[str, Any], split: str = "val") -> str:
    """The data of an accuracy: "1 of 65 samples wrong; largest class 98.46 %"; "" if not known.

    values: may hold the numbers of `about_split`. accuracy: percent; None, for a balanced accuracy, leaves
    the number of wrong samples out.
    """
    n, share = _known(values, split)
    if not n:
        return ""
    samples = f"{n:,} sample{'s'[: n != 1]}"
    if accuracy is not None:
        samples = f"{n - round(accuracy * n / 100.0):,} of {samples} wrong"
    return f"{samples}; largest class {decimals(share, 2)} %"


def accuracy_text(accuracy: float | None, values: Mapping[str, Any], split: str = "val") -> str:
    """Such as "98.46 % (1 of 65 samples wrong; largest class 98.46 %)"; "-" for None."""
    if accuracy is None:
        return "-"
    about = about_accuracy(accuracy, values, split)
    return f"{decimals(accuracy, 2)} %" + (f" ({about})" if about else "")


def split_text(values: Iterable[Mapping[str, Any]], split: str = "val") -> str:
    """A split as text: "65 samples, largest class 98.46 %"; "" if no record has the numbers.

    If records differ, their range: "58 to 65 samples, ...".
    """
    known = [numbers for record in values if (numbers := _known(record, split))[0]]
    if not known:
        return ""
    sizes, shares = (sorted(set(column)) for column in zip(*known, strict=True))
    samples = f"{_range([f'{n:,}' for n in sizes])} sample{'s'[: sizes != [1]]}"
    return f"{samples}, largest class {_range([decimals(share, 2) for share in shares])} %"


def guessing_text(accuracy: float | None, values: Mapping[str, Any], split: str = "val") -> str:
    """Compares an accuracy with always guessing the largest class.

    "" if it is better by more than the standard error, or something is not known. The standard error is that
    of n guesses that are right with probability p, the share of the largest class: 100·√(p(1 − p)/n) points.
    """
    n, share = _known(values, split)
    if accuracy is None or not n:
        return ""
    p = share / 100.0
    error = 100.0 * math.sqrt(p * (1.0 - p) / n)
    guessing = f"above what always guessing the largest class gives, {decimals(share, 2)} %"
    if accuracy <= share:
        return f"not {guessing}"
    if accuracy <= share + error:
        return f"{guessing}, by no more than the standard error of {decimals(error, 2)} points"
    return ""


def missing_text(values: Iterable[Mapping[str, Any]], split: str) -> str:
    """The most classes without a sample, as in "3 of 10 classes have no validation sample"; "" for none."""
    known = ((record.get("n_classes"), record.get(f"n_{split}_classes")) for record in values)
    # A split without any class is empty; that needs no remark.
    missing = {(K - n, K) for K, n in known if is_number(K) and is_number(n) and n}
    most, K = max(missing, default=(0, 0))
    if not most:
        return ""
    verb = "has" if most == 1 else "have"
    return f"{'up to ' * (len(missing) > 1)}{most:g} of {K:g} classes {verb} no {SPLITS[split]} sample"


def split_remarks(accuracies: Mapping[str, float | None], values: Mapping[str, Any]) -> list[str]:
    """Remarks on what limits the meaning of a training's accuracies, each a sentence without a full stop.

    accuracies: by split, percent; None if not known.
    """
    texts = {split: guessing_text(value, values, split) for split, value in accuracies.items()}
    remarks = [f"{SPLITS[split]} accuracy is {text}" for split, text in texts.items() if text]
    return remarks + [text for split in SPLITS if (text := missing_text([values], split))]


def _known(values: Mapping[str, Any], split: str) -> tuple[int, float]:
    """Number of samples, and share of the largest class in percent; (0, 0.0) if not known."""
    n, share = values.get(f"n_{split}_samples"), values.get(f"{split}_largest_class_share")
    if not (is_number(n) and is_number(share) and 1 <= n < math.inf and 0 < share <= 100):
        return 0, 0.0
    return int(n), float(share)


def _range(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"
