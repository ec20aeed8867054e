"""What the driver and a worker exchange: a job out, reports back.

Knows neither Ray, Optuna nor torch, so that a worker can read a job before anything heavy is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from search.constraints import Bounds
from studies.model import State

DEFAULT_TRAINER = "search.worker.trainer:SnncoreTrainer"


@dataclass(frozen=True)
class Allotment:
    """What one trial gets. note: a warning the user should read, or None."""

    cpu: float
    gpu: float
    note: str | None = None

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """Where the trial is trained."""
        return "cuda" if self.gpu > 0 else "cpu"

    def alone(self) -> Allotment:
        """The same with a whole GPU to itself, where it has a part of one."""
        return replace(self, gpu=max(1.0, self.gpu)) if self.gpu > 0 else self

    @property
    def threads(self) -> int:
        """Threads of one trial: the whole cores it has, at least one."""
        return max(1, int(self.cpu + 1e-9))


ONE_CPU = Allotment(1.0, 0.0)


@dataclass(frozen=True)
class Job:
    """All a worker needs to run one trial.

    config: the full resolved config, its data root absolute. epochs: of the full training.
    limits: the constraints on metrics that are known before training.
    metrics: what an earlier start already probed, or None. probed: what is known of it otherwise.
    checkpoints: an absolute folder. may_stop: whether the scheduler judges it. loop_id: of the Tune
    run, equal in all jobs that it hands out.
    trainer: dotted name `module:factory`. allotment: what it gets of the node it runs on.
    """

    number: int
    config: Mapping[str, Any]
    epochs: int
    checkpoints: str
    limits: Mapping[str, Bounds] = field(default_factory=dict)
    metrics: Mapping[str, Any] | None = None
    probed: Mapping[str, Any] = field(default_factory=dict)
    may_stop: bool = True
    loop_id: str = ""
    trainer: str = DEFAULT_TRAINER
    allotment: Allotment = ONE_CPU


@dataclass(frozen=True)
class ProbeJob:
    """Configs to probe without training any; the sampler chooses the next trial when it knows their cost.

    configs: by probe key (`snncore.config.probe_key`). names: the metrics that are wanted. seconds: after so
    many no further probe is begun.
    """

    configs: Mapping[str, Mapping[str, Any]]
    names: Sequence[str]
    seconds: float
    trainer: str = DEFAULT_TRAINER
    allotment: Allotment = ONE_CPU


@dataclass(frozen=True)
class QuietJob:
    """A config whose times are measured again, when nothing else runs."""

    config: Mapping[str, Any]
    trainer: str = DEFAULT_TRAINER
    allotment: Allotment = ONE_CPU


AnyJob = Job | ProbeJob | QuietJob


@dataclass(frozen=True)
class Report:
    """One step of a trial.

    probe: `metrics` are those known before training, `place` says where the trial runs.
    epoch: `row` holds the fields of an epoch row.
    end: the trial came to an end by itself; `state`, `reason` and all `metrics` are set. out_of_memory: the
    driver decides the outcome of a trial that ran out of memory (`search.tune.out_of_memory`).
    The end of a `ProbeJob` has a mapping of metrics for each probe key that could be probed.
    """

    kind: Literal["probe", "epoch", "end"]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] | None = None
    state: State = "complete"
    reason: str | None = None
    out_of_memory: bool = False
    place: Mapping[str, str] = field(default_factory=dict)
