"""What the driver and a worker tell each other: a ticket out, reports back.

Knows neither Ray, Optuna nor torch, so that a worker can read a ticket before anything heavy is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.limits import Bounds


@dataclass(frozen=True)
class Ticket:
    """All a worker needs to run one trial.

    config: the full resolved config, its data root absolute. epochs: of the full training.
    limits: the constraints on metrics that are known before training.
    metrics: what an earlier start already probed, or None. checkpoints: an absolute folder.
    trainer: dotted name `module:factory`; device: "cpu" or "cuda"; threads: of one trial.
    """

    number: int
    config: Mapping[str, Any]
    epochs: int
    checkpoints: str
    limits: Mapping[str, Bounds] = field(default_factory=dict)
    metrics: Mapping[str, Any] | None = None
    trainer: str = "search.trainer:SnncoreTrainer"
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True)
class Report:
    """One step of a trial.

    probe: `metrics` are those known before training, `place` says where the trial runs.
    epoch: `row` holds the fields of an epoch row.
    end: the trial came to an end by itself; `state`, `reason` and all `metrics` are set.
    """

    kind: Literal["probe", "epoch", "end"]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] | None = None
    state: Literal["complete", "infeasible"] = "complete"
    reason: str | None = None
    place: Mapping[str, str] = field(default_factory=dict)
