"""Finds the trial of a study that a `--pick` rule means; `studies.pick_rule` parses the rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spikefront.numbers import is_number
from spikefront.text import did_you_mean
from studies.errors import PickError
from studies.limits import MISSING, field, keeps, why_none_fits
from studies.model import Direction, Study, Trial
from studies.pareto import directions, knee, non_dominated_ranks, objective_values, to_minimise
from studies.pick_rule import Best, Knee, Limit, Numbered, parse_rule, rule_error
from studies.replicates import searched
from studies.text import listed, one_line, state_counts


def pick(study: Study, rule: str) -> Trial:
    """The trial that `rule` means.

    knee: the knee of the front. trial:N: that trial, if it is complete, feasible or not. No rule picks a
    replicate, as its config is its original's with another seed.
    best:METRIC [where ...]: among the complete feasible trials that keep every limit, the one with the
    best finite METRIC: in its own direction for an objective, else the largest for a name with
    "accuracy" in it and the smallest for any other. Ties go to a trial that the others among them do not
    dominate, then to the lower number. A limit may name a param by the last part of its name where no
    other param ends so. A trial that lacks a field does not keep a limit on it.

    Raises:
        PickError: the rule cannot be parsed, names an unknown field, or no trial fulfils it.
    """
    asked = parse_rule(rule)
    if isinstance(asked, Numbered):
        return _numbered(study, asked.number)
    if isinstance(asked, Knee):
        trial = knee(study)
        if trial is None:
            raise PickError(f"the front is empty, so it has no knee: {state_counts(study)}")
        return trial
    return _best(study, rule, asked)


def natural_direction(study: Study, metric: str) -> Direction:
    """The direction of `best:`: an objective's own, else "maximize" for accuracies, "minimize" for others."""
    for objective in study.info.objectives:
        if objective.name == metric:
            return objective.direction
    return "maximize" if "accuracy" in metric else "minimize"


def _numbered(study: Study, number: int) -> Trial:
    for trial in study.trials:
        if trial.number == number:
            if trial.replicate_of is not None:
                raise PickError(
                    f"trial {number} is a replicate of trial {trial.replicate_of} with seed {trial.seed}; "
                    f"pick the original, trial:{trial.replicate_of}"
                )
            if trial.state != "complete":
                reason = f": {one_line(trial.reason)}" if trial.reason else ""
                raise PickError(
                    f"trial {number} is {trial.state}{reason}; only a complete trial can be picked"
                )
            return trial
    numbers = [trial.number for trial in study.trials]
    there = f"the study has trials {min(numbers)} to {max(numbers)}" if numbers else "the study has no trials"
    raise PickError(f"there is no trial {number}; {there}")


def _best(study: Study, rule: str, asked: Best) -> Trial:
    _check_metric(study, rule, asked)
    asked = replace(asked, limits=tuple(_in_full(study, rule, limit) for limit in asked.limits))
    for limit in asked.limits:
        _check_limit(study, rule, limit)
    originals = (trial for trial in searched(study).trials if trial.is_feasible)
    feasible = sorted(originals, key=lambda trial: trial.number)
    if not feasible:
        raise PickError(f"no trial is complete and feasible: {state_counts(study)}")
    fitting = [trial for trial in feasible if all(keeps(trial, limit) for limit in asked.limits)]
    if not fitting:
        raise PickError(why_none_fits(feasible, asked.limits))
    scores = np.array([_score(trial, asked.metric) for trial in fitting])
    if natural_direction(study, asked.metric) == "maximize":
        scores = -scores
    if not np.isfinite(scores).any():
        raise PickError(f"none of the {len(fitting)} trials in question has a finite {asked.metric}")
    best = scores[np.isfinite(scores)].min()
    return _first_among(study, [fitting[row] for row in np.flatnonzero(scores == best)])


def _first_among(study: Study, tied: Sequence[Trial]) -> Trial:
    """Of trials by number, the first of the best non-dominated rank over all objectives."""
    ranks = non_dominated_ranks(to_minimise(objective_values(study, tied), directions(study)))
    return tied[int(np.argmin(ranks))]


def _score(trial: Trial, metric: str) -> float:
    value = field(trial, metric)
    return float(value) if is_number(value) or isinstance(value, bool) else float("nan")


def _names(study: Study) -> tuple[list[str], list[str]]:
    """The names of metrics, and those of params, that some trial of the study has."""
    metrics = dict.fromkeys(objective.name for objective in study.info.objectives)
    params: dict[str, None] = {}
    for trial in study.trials:
        metrics |= dict.fromkeys(trial.metrics)
        params |= dict.fromkeys(trial.params)
    return list(metrics), list(params)


def _kinds(study: Study, name: str) -> set[str]:
    """The kinds of the field's values over all trials: number, truth, null, text or list."""
    types = {bool: "truth", int: "number", float: "number", str: "text", type(None): "null"}
    values = (field(trial, name) for trial in study.trials)
    return {types.get(type(value), "list") for value in values if value is not MISSING}


def _by_last_part(params: Sequence[str]) -> dict[str, list[str]]:
    """The params with a dot in their names, grouped by the last part: mode, branches."""
    by_last: dict[str, list[str]] = {}
    for name in params:
        if "." in name:
            by_last.setdefault(name.rpartition(".")[2], []).append(name)
    return by_last


def _in_full(study: Study, rule: str, limit: Limit) -> Limit:
    """The limit on a param in full where the rule names its last part alone and only one param ends so."""
    metrics, params = _names(study)
    if limit.name in metrics or limit.name in params:
        return limit
    meant = _by_last_part(params).get(limit.name, [])
    if len(meant) > 1:
        raise rule_error(rule, limit.at, f"{limit.name} could be {listed(meant, 'or')}: write one in full")
    return replace(limit, name=meant[0]) if meant else limit


def _check_metric(study: Study, rule: str, asked: Best) -> None:
    metrics, params = _names(study)
    if asked.metric not in metrics:
        meant = [asked.metric] if asked.metric in params else _by_last_part(params).get(asked.metric, [])
        if meant:
            kind = "is a param" if len(meant) == 1 else "are params"
            message = f"{listed(meant)} {kind}; best: looks for a metric"
        else:
            message = f"no metric of this study{did_you_mean(asked.metric, metrics)}"
        raise rule_error(rule, asked.at, f"{message}\nmetrics: {', '.join(metrics)}")
    if _kinds(study, asked.metric) == {"list"}:
        raise rule_error(rule, asked.at, f"{asked.metric} is a list; best: looks for a single number")


def _check_limit(study: Study, rule: str, limit: Limit) -> None:
    """Refuse a limit (its name in full) whose value cannot be compared with any value of the field."""
    metrics, params = _names(study)
    if limit.name not in metrics and limit.name not in params:
        known = [*metrics, *params, *(last for last, all_ in _by_last_part(params).items() if len(all_) == 1)]
        message = f"no metric or param of this study{did_you_mean(limit.name, known)}"
        raise rule_error(rule, limit.at, f"{message}\nnames: {', '.join([*metrics, *params])}")
    kinds = _kinds(study, limit.name)
    if kinds == {"list"}:
        raise rule_error(rule, limit.at, f"{limit.name} is a list; a limit needs a single value")
    if limit.operator != "==" and kinds and "number" not in kinds:
        raise rule_error(rule, limit.at, f"{limit.name} holds no numbers, so only == compares it")
    if limit.number is None and (limit.operator != "==" or kinds == {"number"}):
        raise rule_error(rule, limit.value_at, f"{limit.name} holds numbers: write one, without quotes")
    if kinds == {"truth"} and (limit.is_quoted or limit.value.lower() not in ("true", "false")):
        raise rule_error(
            rule, limit.value_at, f"{limit.name} is true or false: write one of them, without quotes"
        )
