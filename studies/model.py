"""The data of a study: plain frozen records, as the engine writes them and everyone else reads them.

Words: params (what the sampler chose), config (the full resolved config), metrics (all measured),
values (the objectives, in the user's direction), constraint (feasible when <= 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Direction = Literal["maximize", "minimize"]
State = Literal["complete", "stopped", "infeasible", "failed", "running"]
STATES: tuple[State, ...] = ("complete", "stopped", "infeasible", "failed", "running")

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Objective:
    """One objective: its metric's name, its direction, and the user's own reference value, if any."""

    name: str
    direction: Direction
    reference: float | None = None


@dataclass(frozen=True)
class Trial:
    """One trial of a study.

    values: null (None) unless the trial is complete; in the user's direction and unit.
    constraints: name -> violation, feasible when <= 0; empty when the study has none.
    metrics: everything measured; numbers, booleans, or lists of numbers.
    replicate_of: the number of the trial whose config this one trains again with another seed.
    """

    number: int
    state: State
    config: Mapping[str, Any]
    params: Mapping[str, Any]
    reason: str | None = None
    values: Mapping[str, float | None] = field(default_factory=dict)
    constraints: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    epochs_trained: int = 0
    seed: int = 0
    replicate_of: int | None = None
    attempts: int = 1
    started_at: datetime | None = None
    finished_at: datetime | None = None
    worker: str | None = None
    node: str | None = None
    device: str | None = None

    @property
    def is_feasible(self) -> bool:
        """Whether the trial is complete and violates no constraint."""
        return self.state == "complete" and all(value <= 0 for value in self.constraints.values())


@dataclass(frozen=True)
class EpochRow:
    """One trained epoch of one trial. Accuracies in percent; `seconds` counts training and evaluation."""

    number: int
    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_accuracy: float
    seconds: float
    ce: float
    kd: float
    reliable_share: tuple[float, ...] = ()
    firing_rate: tuple[float, ...] = ()


@dataclass(frozen=True)
class StudyRun:
    """One run of a study, from a start or resume to its end. machine, versions: as in `StudyInfo`."""

    started_at: datetime | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyInfo:
    """What holds for the whole study; kept in the Parquet file's metadata beside the rows.

    space: the space file as resolved. machine: cpu, cores, memory_gib, devices, os, node.
    versions: spikefront, python, torch, ray, optuna, ... Both are those of the first run; `runs` has those of
    all runs in order, and is empty in records from before it existed.
    """

    name: str
    space: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    runs: tuple[StudyRun, ...] = ()


@dataclass(frozen=True)
class Study:
    """A whole study, trials in the order of their numbers."""

    info: StudyInfo
    trials: tuple[Trial, ...]
    epochs: tuple[EpochRow, ...] = ()
