"""What an accuracy is of: samples, the share of the largest class, and whether it is more than guessing.

Metrics and results of final trainings have the same names for it, SPLIT being `val` or `test`:
`n_SPLIT_samples`, `n_SPLIT_classes`, `n_classes`, `SPLIT_largest_class_share`. Records of before they were
measured lack them, and then nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from studies.limits import field, is_number
from studies.model import Study, Trial
from studies.pareto import front
from studies.replicates import searched
from studies.text import decimals, named_trials, with_unit

BALANCED = "balanced_accuracy"
SPLITS = {"train": "training", "val": "validation", "test": "test"}
SAMPLES = (
    "n_classes",
    *(f"n_{split}_classes" for split in SPLITS),
    *(f"n_{split}_samples" for split in ("val", "test")),
    *(f"{split}_largest_class_share" for split in ("val", "test")),
)
"""What a result of a final training tells of its splits."""


def guessing_text(accuracy: float, n: int, share: float) -> str:
    """How an accuracy stands to always guessing the largest class; "" where it is clearly above that.

    accuracy, share (of the largest class): percent, of n samples, 1 or more. Clearly is by more than the
    standard error of n guesses which are right with probability p = share/100, 100·√(p(1 − p)/n) points.
    `snncore.class_counts` has the same rule in the same words for what it prints; a test compares them.
    """
    p = share / 100.0
    error = 100.0 * math.sqrt(p * (1.0 - p) / n)
    guessing = f"above what always guessing the largest class gives, {decimals(share, 2)} %"
    if accuracy <= share:
        return f"not {guessing}"
    if accuracy <= share + error:
        return f"{guessing}, by no more than the standard error of {decimals(error, 2)} points"
    return ""


def about_accuracy(accuracy: float | None, values: Mapping[str, Any], split: str = "val") -> str:
    """What an accuracy is of: "1 of 65 samples wrong; largest class 98.46 %"; "" where that is not known.

    values: a trial's metrics, or a final training's result. accuracy: None does not count what was wrong, for
    a balanced accuracy.
    """
    n, share = _known(values, split)
    if not n:
        return ""
    samples = f"{n:,} sample{'s'[: n != 1]}"
    if accuracy is not None:
        samples = f"{n - round(accuracy * n / 100.0):,} of {samples} wrong"
    return f"{samples}; largest class {decimals(share, 2)} %"


def standing(accuracy: float | None, values: Mapping[str, Any], split: str = "val") -> str:
    """`guessing_text` of an accuracy, values as for `about_accuracy`; "" where something is not known."""
    n, share = _known(values, split)
    return guessing_text(accuracy, n, share) if n and accuracy is not None else ""


def is_accuracy(name: str) -> bool:
    """Whether a metric of a trial is an accuracy, all of which are on the whole validation split."""
    return "accuracy" in name


def about_metric(trial: Trial, name: str) -> str:
    """`about_accuracy` of an objective or metric of a trial; "" for one that is no accuracy."""
    value = field(trial, name)
    if not is_accuracy(name) or not is_number(value) or not math.isfinite(value):
        return ""
    return about_accuracy(None if name == BALANCED else value, trial.metrics)


def split_text(values: Iterable[Mapping[str, Any]], split: str = "val") -> str:
    """A split in words: "65 samples, largest class 98.46 %"; "" where no record tells.

    Where records differ, from the least to the most: "58 to 65 samples, ...".
    """
    known = [found for one in values if (found := _known(one, split))[0]]
    if not known:
        return ""
    sizes, shares = (sorted(set(column)) for column in zip(*known, strict=True))
    samples = _range([f"{n:,}" for n in sizes])
    return (
        f"{samples} sample{'s'[: sizes != [1]]}, largest class {_range([decimals(p, 2) for p in shares])} %"
    )


def validation_text(study: Study) -> str:
    """`split_text` of the validation split over all trials that tell."""
    return split_text(trial.metrics for trial in searched(study).trials)


def accuracy_remarks(study: Study, label: Callable[[str], str] = str) -> list[str]:
    """What keeps the accuracies of a study from telling much, a sentence each without a full stop.

    Accuracies of the front that guessing would reach, and classes without a sample. label: what a metric is
    called.
    """
    names = [own.name for own in study.info.objectives if is_accuracy(own.name)]
    remarks = [text for name in names if (text := _guessing_remark(front(study), name, label(name)))]
    metrics = [trial.metrics for trial in searched(study).trials]
    return remarks + [text for split in ("train", "val") if (text := missing_text(metrics, split))]


def missing_text(values: Iterable[Mapping[str, Any]], split: str) -> str:
    """The most classes without a sample, as in "3 of 10 classes have no validation sample"; "" for none."""
    known = ((one.get("n_classes"), one.get(f"n_{split}_classes")) for one in values)
    # No class at all: the split is empty, and nobody asks anything of it.
    missing = {(K - n, K) for K, n in known if is_number(K) and is_number(n) and n}
    most, K = max(missing, default=(0, 0))
    if not most:
        return ""
    return f"{'up to ' * (len(missing) > 1)}{most:g} of {K:g} classes have no {SPLITS[split]} sample"


def _guessing_remark(trials: Sequence[Trial], name: str, label: str) -> str:
    """Of the front: that its best is no more than guessing, else which of its trials are not; or ""."""
    texts = {trial.number: text for trial in trials if (text := _standing(trial, name))}
    best = max(trials, key=lambda trial: (trial.values[name] or 0.0, -trial.number), default=None)
    if best is None or not texts:
        return ""
    if best.number in texts:
        value = with_unit(name, best.values[name])
        return f"the best {label}, {value} of trial {best.number}, is {texts[best.number]}"
    what = "one" if name == BALANCED else "the largest"
    return (
        f"the {label} of {named_trials(sorted(texts))} on the front is not clearly above what always "
        f"guessing {what} class gives"
    )


def _standing(trial: Trial, name: str) -> str:
    """How an accuracy of a trial of the front stands to guessing; "" where it is above, or not known."""
    value = float(trial.values[name] or 0.0)
    if name != BALANCED:
        return standing(value, trial.metrics)
    n_classes = trial.metrics.get("n_val_classes")
    if not is_number(n_classes) or not n_classes or value > 100.0 / n_classes:
        return ""
    return f"not above what always guessing one class gives, {decimals(100.0 / n_classes, 2)} %"


def _known(values: Mapping[str, Any], split: str) -> tuple[int, float]:
    """The samples and the share of the largest class, percent; (0, 0.0) where they are not known."""
    n, share = values.get(f"n_{split}_samples", 0), values.get(f"{split}_largest_class_share", 0)
    is_known = is_number(n) and is_number(share) and 1 <= n < math.inf and 0 < share <= 100
    return (int(n), float(share)) if is_known else (0, 0.0)


def _range(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"
