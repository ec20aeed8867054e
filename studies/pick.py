"""Picking one trial of a study by a rule (see `studies.rule` for the language)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

from studies.errors import PickError
from studies.model import Direction, Study, Trial
from studies.pareto import front, knee
from studies.rule import Condition, Rule, parse_rule

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}


def pick(study: Study, rule: str) -> Trial:
    """The trial a rule names. `knee` and `best` choose among complete feasible trials.

    `best:METRIC` goes in the study's direction where METRIC is an objective; of other metrics the larger
    is better where the name holds "accuracy", else the smaller. Ties: trials of the front first, then the
    lower number. A trial that lacks a field the rule names does not qualify.

    Raises:
        PickError: the rule cannot be read, names something unknown, or no trial answers it.
    """
    parsed = parse_rule(rule)
    if parsed.kind == "trial":
        return _numbered(study, parsed.number)
    feasible = [trial for trial in study.trials if trial.is_feasible]
    if not feasible:
        raise PickError(f"--pick {rule}: study {study.info.name} has no complete feasible trial")
    if parsed.kind == "knee":
        trial = knee(study)
        if trial is None:
            raise PickError(f"--pick knee: study {study.info.name} has no front")
        return trial
    return _best(study, parsed, feasible)


def _numbered(study: Study, number: int) -> Trial:
    for trial in study.trials:
        if trial.number == number:
            if trial.state != "complete":
                reason = f" ({trial.reason})" if trial.reason else ""
                raise PickError(f"--pick trial:{number}: trial {number} is {trial.state}{reason}")
            return trial
    numbers = [trial.number for trial in study.trials]
    known = f"trials 0 to {max(numbers)}" if numbers else "no trials"
    raise PickError(f"--pick trial:{number}: study {study.info.name} has {known}")


def _best(study: Study, rule: Rule, feasible: Sequence[Trial]) -> Trial:
    metrics = {name for trial in feasible for name in trial.metrics}
    params = {name for trial in study.trials for name in trial.params}
    _check_known(rule.metric, metrics, "a metric")
    for condition in rule.conditions:
        _check_known(condition.field, metrics | params, "a metric or a param")
    measured = [trial for trial in feasible if _is_number(field_value(trial, rule.metric))]
    if not measured:
        raise PickError(f"--pick: no complete feasible trial has {rule.metric} as a single number")
    fitting = [trial for trial in measured if all(holds(trial, limit) for limit in rule.conditions)]
    if not fitting:
        raise PickError(_why_nothing(measured, rule.conditions))
    on_front = {trial.number for trial in front(study)}
    sign = -1 if _direction(study, rule.metric) == "maximize" else 1
    return min(
        fitting,
        key=lambda trial: (
            sign * float(field_value(trial, rule.metric)),
            trial.number not in on_front,
            trial.number,
        ),
    )


def field_value(trial: Trial, name: str) -> Any:
    """The value of a metric, or of a param, or None where the trial has neither."""
    return trial.metrics[name] if name in trial.metrics else trial.params.get(name)


def holds(trial: Trial, condition: Condition) -> bool:
    """Whether a trial keeps a limit. Without the field, or with NaN, it does not."""
    value = field_value(trial, condition.field)
    if isinstance(condition.value, str):
        return _as_text(value) == condition.value
    return _is_number(value) and _COMPARE[condition.sign](value, condition.value)


def _direction(study: Study, metric: str) -> Direction:
    for objective in study.info.objectives:
        if objective.name == metric:
            return objective.direction
    return "maximize" if "accuracy" in metric else "minimize"


def _check_known(name: str, known: set[str], what: str) -> None:
    if name not in known:
        near = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise PickError(
            f"--pick: {name!r} is not {what} of this study{hint}\nknown: {', '.join(sorted(known))}"
        )


def _why_nothing(trials: Sequence[Trial], conditions: Sequence[Condition]) -> str:
    """Which limit excludes everything and by how much; else how many trials each limit leaves."""
    lines = ["--pick: no complete feasible trial keeps all limits"]
    left = {condition: [trial for trial in trials if holds(trial, condition)] for condition in conditions}
    alone = [condition for condition in conditions if not left[condition]]
    lines += [f"  {limit} excludes all {len(trials)}{_nearest(trials, limit)}" for limit in alone]
    if not alone:
        lines += [f"  {limit} alone leaves {len(kept)} of {len(trials)}" for limit, kept in left.items()]
    return "\n".join(lines)


def _nearest(trials: Sequence[Trial], condition: Condition) -> str:
    if isinstance(condition.value, str):
        values = sorted({_as_text(field_value(trial, condition.field)) for trial in trials} - {"-"})
        return f"; there are {', '.join(values)}" if values else "; none has it"
    limit = condition.value
    missing = [trial for trial in trials if _is_number(field_value(trial, condition.field))]
    if not missing:
        return "; none has it as a number"
    trial = min(missing, key=lambda trial: (abs(field_value(trial, condition.field) - limit), trial.number))
    value = field_value(trial, condition.field)
    return f"; the nearest is trial {trial.number} with {value:.4g}, {abs(value - limit):.4g} away"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _as_text(value: Any) -> str:
    """A value as a user types it: true and false in lower case."""
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
