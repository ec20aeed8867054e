"""The book of a study: every trial and all that is known of it, kept in the study's own storage.

The storage is the one truth; this file says which attributes hold what, and is the only one that writes
them. Of an Optuna study: attribute "study" (space, hash, machine, versions, times). Of an Optuna trial:
"ask" (our number, params, config, key), "start" (attempts, times, place), "probe" (metrics known before
training), "epoch-NNNN" (one row each), "end" (state, reason, metrics), or "rejected" for an ask that
became no trial of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.trial import TrialState

from search.limits import Bounds, is_number
from search.messages import Report
from search.outcome import Outcome, judge, to_tell
from studies.model import Objective, State

STUDY, ASK, START, PROBE, END, REJECTED, EPOCH = (
    "study",
    "ask",
    "start",
    "probe",
    "end",
    "rejected",
    "epoch-",
)
_TOLD = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "fail": TrialState.FAIL}


@dataclass
class Entry:
    """One trial of ours, as the storage has it.

    state: "running" until it is told. trial: Optuna's handle, kept while the trial runs.
    handed_out: whether Ray Tune has it in this driver.
    """

    number: int
    params: dict[str, Any]
    config: dict[str, Any]
    key: str
    trial: optuna.trial.Trial | None = None
    state: State = "running"
    reason: str | None = None
    finished_at: str | None = None
    start: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    handed_out: bool = False


class Ledger:
    """All trials of one study. One driver at a time writes to it (the run folder's lock sees to that)."""

    def __init__(
        self, study: optuna.Study, objectives: tuple[Objective, ...], limits: Mapping[str, Bounds]
    ) -> None:
        self.study = study
        self.objectives = objectives
        self.limits = dict(limits)
        self.entries: dict[int, Entry] = {}
        self.by_key: dict[str, int] = {}
        self.n_asks = 0
        self._load()

    # reading

    def running(self) -> list[Entry]:
        """The trials that have not ended, by number."""
        return [entry for entry in self.entries.values() if entry.state == "running"]

    def counts(self) -> dict[str, int]:
        """How many trials there are in each state; states without a trial are missing."""
        counts: dict[str, int] = {}
        for entry in self.entries.values():
            counts[entry.state] = counts.get(entry.state, 0) + 1
        return counts

    def worst_seen(self) -> dict[str, float]:
        """Per objective the worst value of all trials that measured it."""
        worst = {}
        for objective in self.objectives:
            measured = [entry.metrics.get(objective.name) for entry in self.entries.values()]
            values = [float(value) for value in measured if is_number(value)]  # type: ignore[arg-type]
            if values:
                worst[objective.name] = min(values) if objective.direction == "maximize" else max(values)
        return worst

    # writing

    def open(
        self, trial: optuna.trial.Trial, params: dict[str, Any], config: dict[str, Any], key: str
    ) -> Entry:
        """Give an ask of Optuna's the next number of ours; nothing may have this key yet."""
        assert key not in self.by_key, key
        number = max(self.entries, default=-1) + 1
        entry = Entry(number, params, config, key, trial)
        trial.set_user_attr(ASK, {"number": number, "params": params, "config": config, "key": key})
        self._enter(entry)
        return entry

    def reject(self, trial: optuna.trial.Trial, why: str) -> None:
        """End an ask that becomes no trial of ours: told as failed, which no sampler learns from."""
        trial.set_user_attr(REJECTED, why)
        self.study.tell(trial, state=TrialState.FAIL)

    def started(self, number: int, worker: str | None = None) -> None:
        """A worker begins with a trial, or begins again. worker: its process id, as far as it is known."""
        entry = self.entries[number]
        attempts = entry.start.get("attempts", 0) + 1
        started_at = entry.start.get("started_at") or _now()
        self._set_start(entry, {"attempts": attempts, "started_at": started_at, "worker": worker})

    def note(self, number: int, report: Report) -> None:
        """Record a report of a running trial (its end is recorded by `finish`)."""
        entry = self.entries[number]
        self._set_start(entry, report.place)
        if report.kind == "probe" and dict(report.metrics) != entry.metrics:
            entry.metrics = dict(report.metrics)
            _handle(entry).set_user_attr(PROBE, entry.metrics)
        if report.row is not None:
            row = dict(report.row)
            entry.rows[int(row["epoch"])] = row
            _handle(entry).set_user_attr(f"{EPOCH}{int(row['epoch']):04d}", row)

    def finish(self, number: int, outcome: Outcome) -> Outcome:
        """Record how a trial ended and tell Optuna; returns the outcome as recorded (see `judge`)."""
        entry = self.entries[number]
        assert entry.state == "running", (number, entry.state)
        needed = [objective.name for objective in self.objectives] + list(self.limits)
        outcome = judge(replace(outcome, metrics={**entry.metrics, **outcome.metrics}), needed)
        entry.metrics, entry.reason, entry.finished_at = dict(outcome.metrics), outcome.reason, _now()
        end = {
            "state": outcome.state,
            "reason": entry.reason,
            "metrics": entry.metrics,
            "partial": self._partial(entry) if outcome.state == "stopped" else {},
            "finished_at": entry.finished_at,
        }
        _handle(entry).set_user_attr(END, end)
        self._tell(entry, outcome)
        return outcome

    def _partial(self, entry: Entry) -> dict[str, Any]:
        """The objectives of a stopped trial as far as they are known: exact ones, and its last epoch's."""
        last = entry.rows[max(entry.rows)] if entry.rows else {}
        known = {**last, **entry.metrics}
        return {own.name: known[own.name] for own in self.objectives if own.name in known}

    def _set_start(self, entry: Entry, news: Mapping[str, Any]) -> None:
        start = {**entry.start, **news}
        if start != entry.start:
            _handle(entry).set_user_attr(START, start)
            entry.start = start

    def _tell(self, entry: Entry, outcome: Outcome) -> None:
        trial = _handle(entry)
        told = to_tell(outcome, self.objectives, self.limits, self.worst_seen())
        known = trial.constraints
        for name, value in told.constraints.items():
            if name not in known:
                trial.set_constraint(name, value)
        values = None if told.values is None else list(told.values)
        self.study.tell(trial, values, state=_TOLD[told.state])
        entry.state, entry.trial = outcome.state, None

    # loading

    def _load(self) -> None:
        for frozen in self.study.get_trials(deepcopy=False):
            self.n_asks += 1
            entry = read_entry(frozen)
            if frozen.state == TrialState.RUNNING:
                self._take_over(frozen, entry)
            if entry is not None:
                self._enter(entry)

    def _take_over(self, frozen: optuna.trial.FrozenTrial, entry: Entry | None) -> None:
        """Go on with a trial that a driver before this one left in Optuna's state RUNNING."""
        trial = optuna.trial.Trial(self.study, frozen._trial_id)
        if entry is None:
            # That driver died while it asked: nothing was promised, nothing is lost.
            self.reject(trial, "the driver died while it asked")
            return
        entry.trial = trial
        if entry.state != "running":
            # It died between its own record of the end and Optuna's: the record holds.
            self._tell(entry, Outcome(entry.state, entry.reason, entry.metrics))

    def _enter(self, entry: Entry) -> None:
        self.entries[entry.number] = entry
        self.by_key[entry.key] = entry.number


def read_entry(frozen: optuna.trial.FrozenTrial) -> Entry | None:
    """The trial of ours that an Optuna trial holds, or None for an ask that became none."""
    attrs = frozen.user_attrs
    if ASK not in attrs or REJECTED in attrs:
        return None
    ask, end = attrs[ASK], attrs.get(END, {})
    return Entry(
        number=ask["number"],
        params=ask["params"],
        config=ask["config"],
        key=ask["key"],
        state=end.get("state", "running"),
        reason=end.get("reason"),
        finished_at=end.get("finished_at"),
        start=attrs.get(START, {}),
        metrics=end.get("metrics") or attrs.get(PROBE, {}),
        rows={row["epoch"]: row for row in _rows(attrs)},
    )


def _handle(entry: Entry) -> optuna.trial.Trial:
    assert entry.trial is not None, f"trial {entry.number} has ended"
    return entry.trial


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _rows(attrs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in sorted(attrs):
        if name.startswith(EPOCH):
            yield attrs[name]
