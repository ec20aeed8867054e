"""How a trial ended, for the record, and what is reported to Optuna.

Optuna's rules that shape this: FAIL is ignored by every sampler, so a config that cannot work must not
be reported as FAIL; COMPLETE refuses NaN and None; PRUNED refuses values; GP raises when the constraints of
two trials differ in number, so all are always set, in one order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.constraints import Bounds, is_measured, violations
from search.worker.failure_reason import infeasible_reason, is_out_of_memory
from snncore.config.metrics import METRICS
from studies.model import Objective, State

OUTCOME = "outcome"
"""The constraint beside the user's own: 1 for a config that could not be trained to the end, else 0."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended. metrics: all that was measured, exact, however far the trial came.

    out_of_memory: it ran out of memory; whether its config is the cause is decided by
    `search.tune.out_of_memory` alone.
    """

    state: State
    reason: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    out_of_memory: bool = False


@dataclass(frozen=True)
class OptunaResult:
    """What is reported to Optuna: values in the user's direction (only for complete), and all constraints."""

    state: Literal["complete", "pruned", "fail"]
    values: tuple[float, ...] | None
    constraints: Mapping[str, float]


def of_error(error: BaseException) -> Outcome | None:
    """The outcome of a trial that an error ended, if its config may be the cause; None for any other."""
    reason = infeasible_reason(error)
    return None if reason is None else Outcome("infeasible", reason, out_of_memory=is_out_of_memory(error))


def judge(outcome: Outcome, needed: list[str]) -> Outcome:
    """The outcome, or `infeasible` where a complete trial lacks a needed metric as a finite number."""
    if outcome.state != "complete":
        return outcome
    bad = [name for name in needed if not is_measured(outcome.metrics.get(name))]
    if not bad:
        return outcome
    shown = ", ".join(f"{name} is {outcome.metrics.get(name, 'missing')}" for name in bad)
    return Outcome("infeasible", shown, outcome.metrics)


def optuna_result(
    outcome: Outcome,
    objectives: tuple[Objective, ...],
    limits: Mapping[str, Bounds],
    worst_seen: Mapping[str, float],
) -> OptunaResult:
    """What to report to Optuna about a judged outcome. Never holds NaN, whatever the metrics are.

    Infeasible: exact values where they are known, else the worst legal value, else the worst seen so
    far, else 0; the order among infeasible trials comes from their constraints, not from these.
    """
    known = violations(outcome.metrics, limits)
    constraints = {name: known.get(name, 0.0) for name in limits}
    constraints[OUTCOME] = 1.0 if outcome.state == "infeasible" else 0.0
    if outcome.state == "failed":
        return OptunaResult("fail", None, constraints)
    if outcome.state == "stopped":
        return OptunaResult("pruned", None, constraints)
    values = tuple(_value(outcome, objective, worst_seen) for objective in objectives)
    return OptunaResult("complete", values, constraints)


def _value(outcome: Outcome, objective: Objective, worst_seen: Mapping[str, float]) -> float:
    measured = outcome.metrics.get(objective.name)
    metric = METRICS.get(objective.name)
    if is_measured(measured) and (outcome.state == "complete" or metric is None or metric.known == "probe"):
        return float(measured)  # type: ignore[arg-type]  # is_measured has seen it
    if metric is not None and metric.worst is not None:
        return metric.worst
    return worst_seen.get(objective.name, 0.0)
