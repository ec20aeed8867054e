"""What a new study takes from an earlier one: params to try first, and trials to learn from.

Only its record is read (`studies.record`), never its storage. Nothing of it becomes a trial of the new study:
what is tried first is trained and measured again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.config_key import disagreements, resolve
from search.constraints import Bounds, broken_limits, is_measured
from search.errors import SearchError
from search.propose.config_to_params import OutsideError, params_of
from search.propose.warm_start_report import WarmStartReport
from search.trials.prior import Prior, holding
from snncore.config.earlier_versions import changed_meaning
from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.errors import ConfigError
from spaces.space import Space
from studies.errors import StudyError
from studies.model import Objective, Study, Trial
from studies.points import crowding_distance, is_non_dominated, knee_index, to_minimise
from studies.record import TRIALS, read_study
from studies.replicates import searched


@dataclass(frozen=True)
class WarmStart:
    """queue: params to try first, the knee first. priors: what a sampler may learn from.

    notes: for the user, a line each: what was taken, what not, and why.
    """

    queue: list[dict[str, Any]]
    priors: list[Prior]
    notes: list[str]


@dataclass(frozen=True)
class _Mapped:
    """A trial of the earlier study, and what its params make here."""

    trial: Trial
    params: dict[str, Any]
    config: dict[str, Any]
    key: str
    is_same: bool


def warm_start(
    run: str | Path,
    space: Space,
    objectives: Sequence[Objective],
    device: str | None = None,
    out: str | Path = "runs",
) -> WarmStart:
    """Read an earlier study's record for a new study of `space`.

    run: its folder, or its name below `out`. device: the model this study's trials run on, as `Trial.device`
    names it; None while it is not known; then no metric that depends on the machine is used
    (`Prior.on` adds them later).

    queue: the front, by this study's objectives and constraints, of the trials that lie in this space.
    priors: the complete trials that are the same trial here, with all objectives measured.

    Raises:
        SearchError: there is no such run, it cannot be read, it has not measured an objective of this study,
            or none of its trials lies in this space.
    """
    folder = _folder(run, Path(out))
    try:
        study = read_study(folder)
    except StudyError as error:
        raise SearchError(f"--warm-start: {error}") from error
    complete = _complete(study, folder, objectives)
    report = WarmStartReport(folder, len(searched(study).trials), len(complete))
    mapped = [match for trial in complete if (match := _map(trial, space, report)) is not None]
    limits = {name: Bounds(limit.max, limit.min) for name, limit in space.constraints.items()}
    queue = _front(mapped, objectives, limits, device)
    priors = _priors(mapped, objectives, device)
    notes = report.notes(space, queue, priors, device)
    if not queue and not priors:
        raise SearchError("\n  ".join([f"--warm-start: nothing of {folder} can be used here:", *notes]))
    return WarmStart([match.params for match in queue], priors, notes)


def _folder(run: str | Path, out: Path) -> Path:
    """The run folder: a path, or a name below `out`; of two that exist, the one with a record."""
    folders = [path for path in (Path(run).expanduser(), out / run) if path.is_dir()]
    if folders:
        return next((path for path in folders if (path / TRIALS).is_file()), folders[0])
    known = sorted(path.parent.name for path in out.glob(f"*/{TRIALS}"))
    there = f"there are {', '.join(known)}" if known else f"there are no studies in {out}"
    raise SearchError(f"--warm-start: no run folder {run}, and none of this name in {out}; {there}")


def _complete(study: Study, folder: Path, objectives: Sequence[Objective]) -> list[Trial]:
    """Complete trials; retrainings with other seeds left out.

    Raises:
        SearchError: there are none, or none has measured some objective.
    """
    complete = [trial for trial in study.trials if trial.state == "complete" and trial.replicate_of is None]
    if not complete:
        raise SearchError(f"--warm-start: {folder}: no trial is complete, there is nothing to start from")
    for objective in objectives:
        if not any(is_measured(trial.metrics.get(objective.name)) for trial in complete):
            measured = ", ".join(other.name for other in study.info.objectives)
            raise SearchError(
                f"--warm-start: {folder}: other objectives: no trial there has measured {objective.name}, "
                f"which is an objective here; its own are {measured}"
            )
    return complete


def _map(trial: Trial, space: Space, report: WarmStartReport) -> _Mapped | None:
    """What the trial's params make here; None when they make nothing, and the report says why."""
    try:
        earlier = make_config(trial.config, f"trial {trial.number}")
        params = params_of(space, earlier)
        config, key = resolve(space, params)
    except OutsideError as error:
        report.outside(error.values)
        return None
    except ConfigError as error:
        report.refused(error)
        return None
    different = disagreements(Config.model_validate(config), earlier)
    if changed_meaning(trial.config) is not None:
        different["normalisation"] = ("of this version", "of an earlier version")
    report.inside(different)
    return _Mapped(trial, params, config, key, not different)


def _front(
    mapped: Sequence[_Mapped],
    objectives: Sequence[Objective],
    limits: Mapping[str, Bounds],
    device: str | None,
) -> list[_Mapped]:
    """The knee of the front, then the rest by crowding distance, the most isolated first; each key once."""
    names = [objective.name for objective in objectives]
    feasible = [
        match
        for match in mapped
        if all(is_measured(match.trial.metrics.get(name)) for name in names)
        and broken_limits(holding(match.trial.metrics, match.trial.device, device), limits) is None
    ]
    if not feasible:
        return []
    directions = [objective.direction for objective in objectives]
    values = np.array([[float(match.trial.metrics[name]) for name in names] for match in feasible])
    rows = np.flatnonzero(is_non_dominated(to_minimise(values, directions)))
    knee = knee_index(values[rows], directions)
    isolation = crowding_distance(values[rows])
    order = sorted(range(len(rows)), key=lambda at: (at != knee, -isolation[at], at))
    chosen: dict[str, _Mapped] = {}  # two trials there may be one here
    for at in order:
        chosen.setdefault(feasible[rows[at]].key, feasible[rows[at]])
    return list(chosen.values())


def _priors(mapped: Sequence[_Mapped], objectives: Sequence[Objective], device: str | None) -> list[Prior]:
    return [
        Prior(
            params=match.params,
            config=match.config,
            key=match.key,
            metrics=holding(match.trial.metrics, match.trial.device, device),
            device=match.trial.device,
            measured=match.trial.metrics,
        )
        for match in mapped
        if match.is_same
        and all(is_measured(match.trial.metrics.get(objective.name)) for objective in objectives)
    ]
