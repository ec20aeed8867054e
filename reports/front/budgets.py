"""The data for the reader's budgets: metrics with a limit, the trials to choose from, and their configs.

The page finds the same trial as `studies.pick` does for `best:FIRST where METRIC<=LIMIT and ...`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reports.data.digest import Digest
from reports.format.quantities import quantity
from reports.html.figure import Card
from spikefront.numbers import is_number
from studies.configs import config_text, exported_config
from studies.errors import StudyError
from studies.export import export_comment
from studies.limits import MISSING, field
from studies.model import Objective, Study, Trial
from studies.points import is_non_dominated

TITLE = "The best within your budgets"

COSTS = (
    "train_memory_mib",
    "infer_memory_mib",
    "latency_ms",
    "energy_uj",
    "n_parameters",
    "synops",
)
"""The metrics that can have a limit besides the objectives, where they were measured."""

MOST_TEXTS = 300
"""Configs on the page; writing one takes milliseconds."""

RULE = "{rule}"
"""Placeholder in a config's first line for the rule that follows from the reader's budgets."""

_NAME = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Budget:
    """One metric with a limit: at most (<=) of a cost, at least (>=) of what is to be maximised."""

    name: str
    operator: Literal["<=", ">="]
    is_objective: bool


@dataclass(frozen=True)
class BudgetsFrame:
    """What the sliders work on.

    trials: complete and feasible, with a finite first objective, by number; others are never chosen.
    answers: those that are the best within some budgets, best first objective first.
    """

    first: Objective
    budgets: list[Budget]
    trials: list[int]
    answers: list[int]


def budgets_frame(digest: Digest) -> BudgetsFrame | Card:
    """The frame of a study, or why there is nothing to choose."""
    if not digest.objectives:
        return Card(TITLE, "The study has no objective, so nothing says which trial is the best.")
    first = digest.objectives[0]
    feasible = [trial for trial in digest.study.trials if trial.is_feasible]
    trials = sorted(
        (trial for trial in feasible if math.isfinite(number_of(trial, first.name))),
        key=lambda trial: trial.number,
    )
    if not trials:
        return Card(TITLE, "No trial has finished within the limits, so there is nothing to choose from yet.")
    budgets = _budgets(digest, trials)
    if not _NAME.fullmatch(first.name):
        return Card(TITLE, f"No rule can name the objective {first.name}, so nothing can be asked.")
    if not budgets:
        return Card(
            TITLE, "All complete trials cost the same in everything measured, so no budget would choose."
        )
    return BudgetsFrame(first, budgets, [trial.number for trial in trials], _answers(digest, trials, budgets))


def number_of(trial: Trial, name: str) -> float:
    """A metric as `--pick` reads it; NaN where the trial has no number."""
    value = field(trial, name)
    return float(value) if value is not MISSING and is_number(value) else math.nan


def _budgets(digest: Digest, trials: Sequence[Trial]) -> list[Budget]:
    """The other objectives, then the known costs; only those in which finite numbers differ."""
    ways = {objective.name: objective.direction for objective in digest.objectives}
    first, *others = ways
    names = [name for name in dict.fromkeys([*others, *COSTS]) if name != first and _NAME.fullmatch(name)]
    budgets = []
    for name in names:
        numbers = {number_of(trial, name) for trial in trials}
        if len({number for number in numbers if math.isfinite(number)}) > 1:
            budgets.append(Budget(name, ">=" if ways.get(name) == "maximize" else "<=", name in ways))
    return budgets


def _answers(digest: Digest, trials: Sequence[Trial], budgets: Sequence[Budget]) -> list[int]:
    """The trials that are not dominated in objectives and budgets together: at least all possible answers.

    Trials with the same objectives as one of them are included, since ties may go to their lower number. A
    missing number counts as the worst.
    """
    signs = {item.name: -1.0 if item.direction == "maximize" else 1.0 for item in digest.objectives}
    names = dict.fromkeys([*signs, *(budget.name for budget in budgets)])
    points = np.array([[signs.get(name, 1.0) * number_of(trial, name) for name in names] for trial in trials])
    points[np.isnan(points)] = np.inf
    keys = [tuple(point[: len(signs)]) for point in points.tolist()]
    standing = {keys[row] for row in np.flatnonzero(is_non_dominated(points))}
    rows = [row for row, key in enumerate(keys) if key in standing]
    return [trials[row].number for row in sorted(rows, key=lambda row: (keys[row][0], trials[row].number))]


def budgets_data(frame: BudgetsFrame, digest: Digest, run_folder: Path) -> dict[str, Any]:
    """What `budgets.js` reads. A config is stored as the indices of its lines in the list `lines`."""
    texts = config_texts(digest, frame.answers[:MOST_TEXTS], run_folder)
    lines = {line: None for text in texts.values() for line in text.split("\n")}
    places = {line: place for place, line in enumerate(lines)}
    return {
        "first": frame.first.name,
        "ways": {item.name: item.direction for item in digest.objectives},
        "limits": [
            {
                "name": budget.name,
                "operator": budget.operator,
                "columns": [*(["value"] if budget.is_objective else []), "metric"],
            }
            for budget in frame.budgets
        ],
        "trials": frame.trials,
        "lines": list(lines),
        "texts": {str(number): [places[line] for line in text.split("\n")] for number, text in texts.items()},
    }


def config_texts(digest: Digest, numbers: Sequence[int], run_folder: Path) -> Mapping[int, str]:
    """The file that `studies.export --out best.yaml` writes for each trial, with `RULE` for its rule.

    A trial whose config YAML cannot hold is left out.
    """
    wanted = set(numbers)
    # The comment of a config needs the trial's replicates, and no other trials.
    with_replicates = [
        trial for trial in digest.recorded.trials if {trial.number, trial.replicate_of} & wanted
    ]
    study: Study = replace(digest.recorded, trials=tuple(with_replicates), epochs=())
    trials = {trial.number: trial for trial in with_replicates}
    texts = {}
    for number in numbers:
        comment = export_comment(study, trials[number], RULE, "best.yaml")
        try:
            texts[number] = config_text(exported_config(study, trials[number], run_folder), comment)
        except StudyError:
            continue
    return texts


def label(budget: Budget) -> str:
    """The name of the metric: "training memory"."""
    return quantity(budget.name).label
