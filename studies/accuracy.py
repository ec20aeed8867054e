"""Which samples the accuracies of a study are measured on, and whether its best is better than guessing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from spikefront.accuracy import about_accuracy, guessing_text, missing_text, split_text
from spikefront.numbers import is_number
from spikefront.text import decimals
from studies.limits import field
from studies.model import Study, Trial
from studies.pareto import front
from studies.replicates import searched
from studies.text import named_trials, with_unit

BALANCED = "balanced_accuracy"


def is_accuracy(name: str) -> bool:
    """Whether a metric of a trial is an accuracy, all of which are on the whole validation split."""
    return "accuracy" in name


def about_metric(trial: Trial, name: str) -> str:
    """`about_accuracy` of an objective or metric of a trial; "" for one that is no accuracy."""
    value = field(trial, name)
    if not is_accuracy(name) or not is_number(value) or not math.isfinite(value):
        return ""
    return about_accuracy(None if name == BALANCED else value, trial.metrics)


def validation_text(study: Study) -> str:
    """`split_text` of the validation split, over all trials that recorded it."""
    return split_text(trial.metrics for trial in searched(study).trials)


def accuracy_remarks(study: Study, label: Callable[[str], str] = str) -> list[str]:
    """Why the accuracies of a study say little, a sentence for each reason, without a full stop.

    Accuracies of the front that guessing would reach, and classes without a sample. label: gives the name of
    a metric.
    """
    names = [objective.name for objective in study.info.objectives if is_accuracy(objective.name)]
    remarks = [text for name in names if (text := _guessing_remark(front(study), name, label(name)))]
    metrics = [trial.metrics for trial in searched(study).trials]
    return remarks + [text for split in ("train", "val") if (text := missing_text(metrics, split))]


def _guessing_remark(trials: Sequence[Trial], name: str, label: str) -> str:
    """That the best of the front is not better than guessing, else which of its trials are not; or ""."""
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
    """How the accuracy of a trial of the front compares with guessing; "" if it is above, or not known."""
    value = float(trial.values[name] or 0.0)
    if name != BALANCED:
        return guessing_text(value, trial.metrics)
    n_classes = trial.metrics.get("n_val_classes")
    if not is_number(n_classes) or not n_classes or value > 100.0 / n_classes:
        return ""
    return f"not above what always guessing one class gives, {decimals(100.0 / n_classes, 2)} %"
