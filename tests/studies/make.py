"""Small studies for the tests, and an equality that knows NaN and tells True from 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings

from studies.model import Direction, EpochRow, Objective, Study, StudyInfo, Trial

REPEATABLE = settings(
    derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
"""For every property: the same examples on every run."""

START = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
OBJECTIVES = (
    Objective("val_accuracy", "maximize"),
    Objective("train_memory_mib", "minimize"),
    Objective("latency_ms", "minimize"),
)


def make_trial(number: int, point: Sequence[float] | None = None, /, **changes: Any) -> Trial:
    """A trial; complete at a point: values of OBJECTIVES (also as metrics), or infeasible without."""
    names = [objective.name for objective in OBJECTIVES]
    known = dict(zip(names, point, strict=False)) if point is not None else {}
    plain: dict[str, Any] = {
        "number": number,
        "state": "complete" if point is not None else "infeasible",
        "config": {"T": 4, "distillation": {"mode": "none", "branches": [1, 3]}, "out": None},
        "params": {"T": 4, "distillation.mode": "none"},
        "reason": None if point is not None else "out of memory",
        "values": known,
        "metrics": known,
        "started_at": START + timedelta(seconds=10 * number),
        "finished_at": START + timedelta(seconds=10 * number + 5),
    }
    return Trial(**(plain | changes))


def make_study(trials: Sequence[Trial], objectives: Sequence[Objective] = OBJECTIVES, **info: Any) -> Study:
    plain = {"name": "digits", "space": {"search": {"T": {"int": [1, 8]}}}, "objectives": tuple(objectives)}
    epochs = info.pop("epochs", ())
    return Study(StudyInfo(**(plain | info)), tuple(trials), tuple(epochs))


def study_of_points(points: Sequence[Sequence[float]], ways: Sequence[Direction]) -> Study:
    """One complete trial a point, with objectives o0, o1, ... in these directions."""
    names = [f"o{index}" for index in range(len(ways))]
    objectives = [Objective(name, way) for name, way in zip(names, ways, strict=True)]
    rows = [dict(zip(names, map(float, point), strict=True)) for point in points]
    trials = [
        Trial(
            number, "complete", {}, {}, values=row, metrics=row, finished_at=START + timedelta(seconds=number)
        )
        for number, row in enumerate(rows)
    ]
    return make_study(trials, objectives)


def make_epoch(number: int, epoch: int) -> EpochRow:
    shares = (0.5, 1.0) if number % 2 else ()
    return EpochRow(number, epoch, 0.1, 1.5, 40.0, 42.5, 3.25, 1.25, 0.25, shares, (0.1, 0.2, float("nan")))


def exact(value: Any) -> Any:
    """The value as text-tagged tuples: equal exactly when types and numbers are, NaN included."""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, [
            (field.name, exact(getattr(value, field.name))) for field in fields(value)
        ]
    if isinstance(value, Mapping):
        return sorted((key, exact(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return type(value).__name__, [exact(inner) for inner in value]
    if isinstance(value, datetime):
        return "datetime", value.astimezone(UTC).isoformat()
    return type(value).__name__, repr(value)
