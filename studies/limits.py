"""Which trials keep the limits of a `--pick` rule, and why none does."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from spikefront.numbers import is_number
from spikefront.text import did_you_mean
from studies.model import Trial
from studies.pick_rule import Limit
from studies.text import one_line, with_unit

MISSING: Any = object()
"""The value of a field that a trial does not have; None is a legal value of a param."""

_COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "==": operator.eq}
_MANY = 8


def field(trial: Trial, name: str) -> Any:
    """The value, metric or param `name` of a trial, the first that it has in this order; or MISSING."""
    if trial.values.get(name) is not None:
        return trial.values[name]
    return trial.metrics.get(name, trial.params.get(name, MISSING))


def keeps(trial: Trial, limit: Limit) -> bool:
    """Whether a trial has the limit's field and keeps the limit.

    Numbers compare with numbers (NaN keeps no limit); text, true, false and null only by ==. A bare `3`
    also equals the text "3", as subsets are texts.
    """
    value = field(trial, limit.name)
    if is_number(value):
        return limit.number is not None and bool(_COMPARE[limit.operator](value, limit.number))
    if limit.operator != "==":
        return False
    if isinstance(value, str):
        return value == limit.value
    is_word = value is None or isinstance(value, bool)
    word = "null" if value is None else str(value).lower()
    return is_word and not limit.is_quoted and limit.value.lower() == word


def why_none_fits(trials: Sequence[Trial], limits: Sequence[Limit]) -> str:
    """For trials (one or more, by number) of which none keeps every limit: how many keep each limit.

    Names the nearest miss of each limit that no trial keeps. When each limit is kept by some trial, it
    names the trial that breaks the fewest, among these the one whose misses are the smallest shares of
    the limits, then the lower number.
    """
    feasible = f"{len(trials)} complete feasible trial{'s'[: len(trials) != 1]}"
    lines = [f"none of {feasible} keeps {'the limit' if len(limits) == 1 else 'all limits'}"]
    counts = [sum(keeps(trial, limit) for trial in trials) for limit in limits]
    for limit, n_kept in zip(limits, counts, strict=True):
        lines.append(
            f"  {limit}: kept by {n_kept or 'none'}{'' if n_kept else '; ' + _nearest(trials, limit)}"
        )
    if all(counts):
        nearest = min(trials, key=lambda trial: _breach(trial, limits))
        broken = ", ".join(_miss(nearest, limit) for limit in limits if not keeps(nearest, limit))
        lines.append(f"  no trial keeps all of them; nearest is trial {nearest.number}: {broken}")
    return "\n".join(lines)


def _nearest(trials: Sequence[Trial], limit: Limit) -> str:
    """The trial nearest to a limit that none keeps; for text, the values that occur instead."""
    values = {trial.number: field(trial, limit.name) for trial in trials}
    if all(value is MISSING for value in values.values()):
        return "none of them has it"
    measured = [trial for trial in trials if _is_measured(values[trial.number])]
    if limit.number is not None and measured:
        nearest = min(measured, key=lambda trial: _distance(trial, limit))
        return f"nearest is trial {nearest.number}: {_miss(nearest, limit)}"
    different = list(dict.fromkeys(str(value) for value in values.values() if value is not MISSING))
    shown = ", ".join(repr(one_line(value)) for value in different[:_MANY])
    more = ", ..." if len(different) > _MANY else ""
    return f"they have {shown}{more}{did_you_mean(limit.value, different)}"


def _is_measured(value: Any) -> bool:
    return is_number(value) and not math.isnan(value)


def _miss(trial: Trial, limit: Limit) -> str:
    """By how much a trial breaks a limit, in words."""
    value = field(trial, limit.name)
    if value is MISSING:
        return f"it has no {limit.name}"
    if limit.number is None or not _is_measured(value):
        return f"{limit.name} is {value!r}"
    text = f"{limit.name} {with_unit(limit.name, value)}"
    if value == limit.number:
        return f"{text}, which is the limit itself"
    side = "above" if value > limit.number else "below"
    return f"{text}, {with_unit(limit.name, abs(value - limit.number))} {side} the limit"


def _distance(trial: Trial, limit: Limit) -> float:
    """How far a trial is from a limit, 0 when it keeps it, infinite where nothing can be subtracted."""
    if keeps(trial, limit):
        return 0.0
    value = field(trial, limit.name)
    if limit.number is None or not _is_measured(value):
        return math.inf
    return float(abs(value - limit.number))


def _breach(trial: Trial, limits: Sequence[Limit]) -> tuple[int, float]:
    shares = [_distance(trial, limit) / (abs(limit.number or 0) or 1.0) for limit in limits]
    return sum(not keeps(trial, limit) for limit in limits), sum(shares)
