"""The page's one copy of the data: a column per quantity, a row per trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.data.digest import Digest
from reports.data.params import setting
from reports.format.quantities import quantity
from studies.noise import seed_spread
from studies.text import spread_text

_BESIDE_ACCURACY = ("n_val_samples", "val_largest_class_share")
_CLASS_COUNTS = frozenset({"n_classes", "n_train_classes", "n_val_classes"})


def columns(digest: Digest) -> dict[str, list[Any]]:
    """`number`, `state`, `param.<param>`, `value.<objective>` and `metric.<name>` of all trials.

    Null where a trial has none; metrics that are lists are left out.
    """
    trials = digest.study.trials
    metrics = sorted({name for trial in trials for name in trial.metrics})
    scalar = [name for name in metrics if not any(_is_list(trial.metrics.get(name)) for trial in trials)]
    return {
        "number": [trial.number for trial in trials],
        "state": [trial.state for trial in trials],
        **{f"param.{param.name}": [setting(trial, param) for trial in trials] for param in digest.params},
        **{
            f"value.{objective.name}": [trial.values.get(objective.name) for trial in trials]
            for objective in digest.objectives
        },
        **{f"metric.{name}": [trial.metrics.get(name) for trial in trials] for name in scalar},
    }


def tooltip_metrics(columns: Mapping[str, Any]) -> list[str]:
    """The metrics shown in tooltips: first what an accuracy is of; counts of classes are left out."""
    names = [name.removeprefix("metric.") for name in columns if name.startswith("metric.")]
    first = [name for name in _BESIDE_ACCURACY if name in names]
    return first + [name for name in names if name not in first and name not in _CLASS_COUNTS]


def groups(digest: Digest) -> dict[str, list[int]]:
    """The numbers of the trials that figures name: front, near, dominated, measured, and others.

    near: dominated, but within the noise of the front; dominated: the other dominated ones.
    measured: worst first objective first, so that the best is drawn on top.
    others: trials with epochs that are not on the front.
    selected: chosen by the reader, so empty here; `selection.js` fills it. marked: the selected trials that
    parallel coordinates colour, empty while the choice was made by brushing there; `params.js` fills it.
    """
    order = [trial.number for trial in digest.front]
    strong_last = sorted(digest.measured, key=lambda trial: _strength(digest, trial.values))
    return {
        "front": order,
        "near": digest.near_numbers,
        "dominated": beyond_noise(digest),
        "measured": [trial.number for trial in strong_last],
        "others": digest.others,
        "selected": [],
        "marked": [],
    }


def beyond_noise(digest: Digest) -> list[int]:
    """The numbers of the trials that are dominated beyond the noise."""
    near = set(digest.near_numbers)
    return [trial.number for trial in digest.dominated if trial.number not in near]


def spread_texts(digest: Digest) -> dict[str, dict[str, str]]:
    """By trial and objective: mean and standard deviation over the trial and its replicates, as text."""
    names = [objective.name for objective in digest.objectives]
    by_trial: dict[str, dict[str, str]] = {}
    for trial in digest.study.trials:
        by_name = {name: seed_spread(trial, name, digest.spreads) for name in names}
        texts = {name: spread_text(name, spread) for name, spread in by_name.items() if spread}
        if texts:
            by_trial[str(trial.number)] = texts
    return by_trial


def legends(digest: Digest, names: list[str]) -> dict[str, dict[str, str]]:
    """How `report.js` writes each metric: label, unit and kind of number."""
    objectives = [objective.name for objective in digest.objectives]
    return {
        name: {"label": metric.label, "unit": metric.unit, "kind": metric.kind}
        for name in dict.fromkeys([*objectives, *names])
        for metric in [quantity(name)]
    }


def _strength(digest: Digest, values: Any) -> float:
    first = digest.objectives[0]
    return float(values[first.name]) * (1.0 if first.direction == "maximize" else -1.0)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))
