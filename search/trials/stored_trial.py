"""One trial of ours as the storage of a study holds it, and which attribute holds what.

Of an Optuna trial: "ask" (our number, params, config, key, probe key), "driver" (whose trial it is, where
several drivers share a study), "start" (attempts, times, place, why it waits for memory), "probe" (metrics
known before training), "epoch-NNNN" (one row each; null once the trial went back to an epoch before it),
"end" (state, reason, metrics), or "rejected" for an ask that became no trial of ours. What belongs to no
running trial is a record of its own: an Optuna trial that is failed from the beginning, which no sampler
looks at, with "probed" (metrics of configs probed ahead), "amended" (metrics measured after a trial's end;
Optuna changes no finished trial) or "priors" (some trials of earlier studies). A prior for Optuna's own
samplers is added once more, as a complete Optuna trial with its key in "prior".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, NotRequired

from optuna.trial import FrozenTrial, Trial
from pydantic import AfterValidator, Field, TypeAdapter
from typing_extensions import TypedDict

from search.errors import SearchError
from search.study.journal import END, START
from spikefront.shapes import checked
from studies.model import State

ASK, DRIVER, PROBE, REJECTED = "ask", "driver", "probe", "rejected"
PROBED, AMENDED, PRIORS, PRIOR = "probed", "amended", "priors", "prior"
EPOCH = "epoch-"
OUT_OF_MEMORY = "out_of_memory"
"""In "start": why a running trial waits, null once it has been handed out again."""


def _is_time(text: str | None) -> str | None:
    if text and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time needs a time zone")
    return text


def _with_seed(config: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(config.get("seed"), int):
        raise ValueError("a config needs a seed")
    return config


_Time = Annotated[str | None, AfterValidator(_is_time)]


@dataclass
class StoredTrial:
    """One trial of ours, as the storage has it.

    state: "running" until it has ended. optuna_trial: Optuna's handle, kept while the trial runs.
    handed_out: whether Ray Tune has it in this driver. ray_worker: Ray's id of the worker that began with it
    last in this driver, as far as it is known. undone_s: seconds of epochs that this driver has recorded and
    that the trial, gone back to an older checkpoint, trained again. replicate_of: the number of the trial it
    repeats with another seed. driver: whose trial it is, see `search.study.drivers`. probe_key: equal for
    trials whose probes must be equal (`search.config_key`); None in studies begun before it was kept.
    """

    number: int
    params: dict[str, Any]
    config: dict[str, Any]
    key: str
    optuna_trial: Trial | None = None
    state: State = "running"
    reason: str | None = None
    finished_at: str | None = None
    start: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    handed_out: bool = False
    ray_worker: str | None = None
    undone_s: float = 0.0
    replicate_of: int | None = None
    driver: int = 0
    probe_key: str | None = None

    @property
    def out_of_memory(self) -> str | None:
        """How it ran out of memory, while it waits to be run again; see `search.tune.out_of_memory`."""
        return self.start.get(OUT_OF_MEMORY)

    def amend(self, metrics: Mapping[str, Any]) -> None:
        """Take in metrics measured after the end; the dict is a new one, so that a change can be seen."""
        self.metrics = {**self.metrics, **metrics}


def epoch_name(epoch: int) -> str:
    """The attribute that holds the row of an epoch."""
    return f"{EPOCH}{epoch:04d}"


def read_trial(frozen: FrozenTrial) -> StoredTrial | None:
    """The trial of ours that an Optuna trial holds, or None for an ask that became none, or a record."""
    attrs = frozen.user_attrs
    if ASK not in attrs or REJECTED in attrs:
        return None
    _check(frozen)
    ask, end = attrs[ASK], attrs.get(END, {})
    return StoredTrial(
        number=ask["number"],
        params=ask["params"],
        config=ask["config"],
        key=ask["key"],
        state=end.get("state", "running"),
        reason=end.get("reason"),
        finished_at=end.get("finished_at"),
        start=attrs.get(START, {}),
        metrics=end.get("metrics") or attrs.get(PROBE, {}),
        rows={
            attrs[name]["epoch"]: attrs[name]
            for name in sorted(attrs)
            if name.startswith(EPOCH) and attrs[name]
        },
        replicate_of=ask.get("replicate_of"),
        driver=attrs.get(DRIVER, ask.get("driver", 0)),
        probe_key=ask.get("probe_key"),
    )


class _Ask(TypedDict):
    """ "ask" of a trial, as far as it is read."""

    number: Annotated[int, Field(ge=0, lt=2**31, strict=True)]
    params: dict[str, Any]
    config: Annotated[dict[str, Any], AfterValidator(_with_seed)]
    key: str
    replicate_of: NotRequired[int | None]
    driver: NotRequired[int]
    probe_key: NotRequired[str | None]


class _Start(TypedDict):
    attempts: NotRequired[int]
    started_at: NotRequired[_Time]
    worker: NotRequired[str | None]
    node: NotRequired[str | None]
    device: NotRequired[str | None]


class _End(TypedDict):
    state: State
    reason: NotRequired[str | None]
    finished_at: NotRequired[_Time]
    metrics: NotRequired[dict[str, Any] | None]


class _Row(TypedDict):
    epoch: Annotated[int, Field(ge=1, lt=2**31)]
    lr: float
    train_loss: float
    train_accuracy: float
    val_accuracy: float
    seconds: float
    ce: float
    kd: float
    reliable_share: list[float]
    firing_rate: list[float]


_SHAPES: dict[str, TypeAdapter[Any]] = {
    ASK: TypeAdapter(_Ask),
    START: TypeAdapter(_Start),
    END: TypeAdapter(_End),
    PROBE: TypeAdapter(dict[str, Any]),
    DRIVER: TypeAdapter(int),
}
_ROW = TypeAdapter(_Row | None)


def _check(frozen: FrozenTrial) -> None:
    """Check the types of what a trial of ours holds; fields of a later version are left alone.

    Raises:
        SearchError: names the trial and the field.
    """
    for name, value in frozen.user_attrs.items():
        shape = _ROW if name.startswith(EPOCH) else _SHAPES.get(name)
        if shape is None:
            continue
        try:
            checked(shape, value, name)
        except ValueError as error:
            raise SearchError(f"trial {frozen.number} of the storage is damaged: {error}") from error


def read_trials(frozen_trials: Iterable[FrozenTrial]) -> list[StoredTrial]:
    """All trials of ours by number, with what was measured after their ends."""
    trials, amended = {}, []
    for frozen in frozen_trials:
        trial = read_trial(frozen)
        if trial is not None:
            trials[trial.number] = trial
        elif AMENDED in frozen.user_attrs:
            amended.append(frozen.user_attrs[AMENDED])
    for news in amended:
        trials[news["number"]].amend(news["metrics"])
    return [trials[number] for number in sorted(trials)]


def is_record(frozen: FrozenTrial) -> bool:
    """Whether an Optuna trial was never asked for: it only keeps something."""
    return not frozen.user_attrs.keys().isdisjoint((PROBED, AMENDED, PRIORS, PRIOR))
