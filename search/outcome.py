"""How a trial ended, for the record, and what Optuna is told about it.

Optuna's rules that shape this: FAIL is ignored by every sampler, so a config that cannot work must not
be told as FAIL; COMPLETE refuses NaN and None; PRUNED refuses values; GP raises when the constraints of
two trials differ in number, so all are always set, in one order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.limits import Bounds, is_number, violations
from snncore.errors import DivergedError, SilentNetworkError
from snncore.metrics import METRICS
from studies.model import Objective, State

_NO_MEMORY = re.compile(
    r"out of memory|(can't|cannot|unable to) allocate|not enough memory|running low on memory"
    r"|_STATUS_ALLOC_FAILED|std::bad_alloc",
    re.IGNORECASE,
)
"""In the words of CUDA, its libraries, torch, numpy, the C library and Ray."""

OUTCOME = "outcome"
"""The constraint beside the user's own: 1 for a config that could not be trained to the end, else 0."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended. metrics: all that was measured, exact, however far the trial came.

    out_of_memory: it ran out of memory; whether that is its config's doing is decided by
    `search.out_of_memory`, and nowhere else.
    """

    state: State
    reason: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    out_of_memory: bool = False


@dataclass(frozen=True)
class Told:
    """What Optuna is told: values in the user's direction (only for complete), and all constraints."""

    state: Literal["complete", "pruned", "fail"]
    values: tuple[float, ...] | None
    constraints: Mapping[str, float]


def of_error(error: BaseException) -> Outcome | None:
    """The outcome of a trial that an error ended, if it may be the config's doing; None for any other."""
    if isinstance(error, DivergedError | SilentNetworkError):
        return Outcome("infeasible", str(error))
    if is_out_of_memory(error):
        lines = str(error).strip().splitlines()
        first = lines[0] if lines else type(error).__name__
        return Outcome("infeasible", f"out of memory: {first}", out_of_memory=True)
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory, on a device or the machine.

    Known by its text and its type's name, because neither torch nor ray is loaded here.
    """
    is_named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return is_named or _NO_MEMORY.search(str(error)) is not None


def judge(outcome: Outcome, needed: list[str]) -> Outcome:
    """The outcome, or `infeasible` where a complete trial lacks a needed metric as a finite number."""
    if outcome.state != "complete":
        return outcome
    bad = [name for name in needed if not is_number(outcome.metrics.get(name))]
    if not bad:
        return outcome
    shown = ", ".join(f"{name} is {outcome.metrics.get(name, 'missing')}" for name in bad)
    return Outcome("infeasible", shown, outcome.metrics)


def to_tell(
    outcome: Outcome,
    objectives: tuple[Objective, ...],
    limits: Mapping[str, Bounds],
    worst_seen: Mapping[str, float],
) -> Told:
    """What Optuna is told about a judged outcome. Never holds NaN, whatever the metrics are.

    Infeasible: exact values where they are known, else the worst legal value, else the worst seen so
    far, else 0; the order among infeasible trials comes from their constraints, not from these.
    """
    known = violations(outcome.metrics, limits)
    constraints = {name: known.get(name, 0.0) for name in limits}
    constraints[OUTCOME] = 1.0 if outcome.state == "infeasible" else 0.0
    if outcome.state == "failed":
        return Told("fail", None, constraints)
    if outcome.state == "stopped":
        return Told("pruned", None, constraints)
    values = tuple(_value(outcome, objective, worst_seen) for objective in objectives)
    return Told("complete", values, constraints)


def _value(outcome: Outcome, objective: Objective, worst_seen: Mapping[str, float]) -> float:
    measured = outcome.metrics.get(objective.name)
    metric = METRICS.get(objective.name)
    if is_number(measured) and (outcome.state == "complete" or metric is None or metric.known == "probe"):
        return float(measured)  # type: ignore[arg-type]  # is_number has seen it
    if metric is not None and metric.worst is not None:
        return metric.worst
    return worst_seen.get(objective.name, 0.0)
