"""The trials of a study and all that is known of them, kept in the study's own storage.

The storage is the only source; `search.trials.stored_trial` says which attributes hold what, and only this
file writes them. The cost of a look or an exclusive section does not grow with the number of trials, except
where several drivers share a study and Optuna lists all of its trials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from search.config_key import key_today
from search.constraints import Bounds
from search.errors import StudyFailedError
from search.study.drivers import Drivers, OneDriver
from search.study.journal import END, START
from search.trials.index import TrialIndex
from search.trials.outcome import Outcome, judge, optuna_result
from search.trials.prior import Prior, device_bound, in_portions
from search.trials.stored_trial import (
    AMENDED,
    ASK,
    DRIVER,
    OUT_OF_MEMORY,
    PRIOR,
    PRIORS,
    PROBE,
    PROBED,
    REJECTED,
    StoredTrial,
    epoch_name,
    is_record,
    read_trial,
)
from search.worker.jobs import Report
from snncore.config.metrics import is_probed
from studies.model import Objective

QUEUED = "fixed_params"
"""Where Optuna keeps the params of a queued trial."""

_OPTUNA_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "fail": TrialState.FAIL}
_OWN = ("optuna_trial", "handed_out", "ray_worker", "undone_s")
"""What a stored trial holds for this driver alone."""
_STORED = [field.name for field in fields(StoredTrial) if field.name not in _OWN]


class TrialStore(TrialIndex):
    """The trials of one study, in memory and in storage, kept equal. n_asks: how often Optuna was asked."""

    def __init__(
        self,
        study: optuna.Study,
        objectives: tuple[Objective, ...],
        limits: Mapping[str, Bounds],
        drivers: Drivers | None = None,
    ) -> None:
        super().__init__(objectives)
        self.study = study
        self.limits = dict(limits)
        self.drivers = drivers or OneDriver()
        # Optuna's own numbers: how many trials were read, and which of them may still change.
        self._n_read = 0
        self._open: set[int] = set()
        # Making a trial object of Optuna asks the study's sampler; this sampler proposes nothing.
        self._mute = optuna.Study(study.study_name, study._storage, sampler=RandomSampler(seed=0))
        self.n_asks = self._read(repair=False)

    def mine(self) -> list[StoredTrial]:
        """Those of the running trials that are this driver's, by number."""
        return [trial for trial in self.running() if trial.driver == self.drivers.me]

    def stream(self) -> int:
        """What is mixed into a seed so that neither a resume nor another driver repeats its draws."""
        return self.n_asks + self.drivers.me

    # several drivers

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """A context in which this driver alone asks; what the others did before it has been read.

        `adopt`, `others_at_work`, `open`, `open_replicate` and `reject` are called inside one. It costs
        nothing for a single driver.

        Raises:
            StudyFailedError: see `search.study.drivers.ServerDrivers.exclusive`.
        """
        with self.drivers.exclusive():
            if self.drivers.are_many:
                self._read(repair=True)
            yield

    def repair(self) -> None:
        """Complete what a driver that died has left half done; merely opening a study changes nothing."""
        with self.drivers.exclusive():
            self._read(repair=True)

    def refresh(self) -> None:
        """Look at what other drivers did."""
        if self.drivers.are_many:
            self._read(repair=False)

    def adopt(self, wanted: Callable[[StoredTrial], bool] = lambda trial: True) -> StoredTrial | None:
        """The first wanted trial whose driver died while it ran, now this driver's; None without one."""
        alive = {self.drivers.me}
        for trial in self.running():
            if trial.driver in alive or not wanted(trial):
                continue
            if self.drivers.is_alive(trial.driver):
                alive.add(trial.driver)
                continue
            self._write(trial, DRIVER, self.drivers.me)
            trial.driver = self.drivers.me
            trial.handed_out = False
            return trial
        return None

    def others_at_work(self) -> bool:
        """Whether a trial of another driver runs, and that driver lives; call it inside `exclusive`."""
        others = {trial.driver for trial in self.running()} - {self.drivers.me}
        return any(self.drivers.is_alive(driver) for driver in others)

    # writing

    def open(
        self,
        optuna_trial: Trial,
        params: dict[str, Any],
        config: dict[str, Any],
        key: str,
        probe_key: str | None = None,
    ) -> StoredTrial:
        """Make an Optuna trial the next trial of ours; no trial may have this key yet."""
        assert key not in self.by_key, key
        me = self.drivers.me
        trial = StoredTrial(
            self._next_number, params, config, key, optuna_trial, driver=me, probe_key=probe_key
        )
        self._write(trial, ASK, self._ask(trial))
        self._enter(trial)
        return trial

    def open_replicate(self, of: int, config: Mapping[str, Any], key: str, seed: int) -> StoredTrial:
        """The next trial: one that is trained again with another seed.

        Optuna's samplers never see it, it does not count for the budget, and its key stays free.
        """
        trial = StoredTrial(
            self._next_number,
            dict(self.trials[of].params),
            {**config, "seed": seed},
            key,
            replicate_of=of,
            driver=self.drivers.me,
            probe_key=self.trials[of].probe_key,  # a seed has no part in it
        )
        frozen = create_trial(state=TrialState.RUNNING, user_attrs={ASK: self._ask(trial)})
        trial.optuna_trial = self._handle(self._append(frozen))
        self._enter(trial)
        return trial

    def reject(self, optuna_trial: Trial, why: str) -> None:
        """End an ask that becomes no trial of ours: it fails in Optuna, and no sampler learns from it."""
        optuna_trial.set_user_attr(REJECTED, why)
        self.study.tell(optuna_trial, state=TrialState.FAIL)

    def started(self, number: int, worker: str | None = None) -> None:
        """A worker begins with a trial, or begins again. worker: its process id, as far as it is known."""
        trial = self.trials[number]
        attempts = trial.start.get("attempts", 0) + 1
        started_at = trial.start.get("started_at") or _now()
        self._set_start(trial, {"attempts": attempts, "started_at": started_at, "worker": worker})

    def wait_for_memory(self, number: int, reason: str | None) -> None:
        """Record why a running trial waits to be run again after it ran out of memory; None: it no longer
        waits."""
        trial = self.trials[number]
        if reason != trial.out_of_memory:
            self._set_start(trial, {OUT_OF_MEMORY: reason})

    def note(self, number: int, report: Report) -> None:
        """Record a report of a running trial (its end is recorded by `finish`).

        An epoch that comes again replaces what was recorded from there on: the trial has gone back to an
        older checkpoint.

        Raises:
            StudyFailedError: see `require_device`, or another driver has ended the trial.
        """
        trial = self.trials[number]
        self.require_device(report)
        self._set_start(trial, report.place)
        if report.kind == "probe" and dict(report.metrics) != trial.metrics:
            trial.metrics = dict(report.metrics)
            self._write(trial, PROBE, trial.metrics)
            self._note_metrics(trial)
        if report.row is not None:
            self._note_row(trial, dict(report.row))

    def require_device(self, report: Report) -> None:
        """Check that what was measured is comparable with what this study measured before.

        Raises:
            StudyFailedError: it comes from another device model, and depends on that; nothing was recorded.
        """
        device = report.place.get("device")
        if device is None or self.device in (None, device):
            return
        if bound := device_bound(self.objectives, self.limits):
            raise StudyFailedError(
                f"{report.place.get('node', 'a node')} trains on {device}; this study's values of "
                f"{', '.join(bound)} were measured on {self.device}, and those of two devices are never "
                "compared. Continue on that device, or begin a study here with --warm-start from this one"
            )

    def finish(self, number: int, outcome: Outcome) -> Outcome:
        """Record how a trial ended and tell Optuna; returns the outcome as recorded (see `judge`).

        Raises:
            StudyFailedError: another driver has ended the trial; nothing was recorded.
        """
        trial = self.trials[number]
        assert trial.state == "running", (number, trial.state)
        needed = [objective.name for objective in self.objectives] + list(self.limits)
        outcome = judge(replace(outcome, metrics={**trial.metrics, **outcome.metrics}), needed)
        with self.drivers.exclusive():
            finished_at = _now()
            end = {
                "state": outcome.state,
                "reason": outcome.reason,
                "metrics": dict(outcome.metrics),
                "partial": self._partial(trial, outcome) if outcome.state == "stopped" else {},
                "finished_at": finished_at,
            }
            self._write(trial, END, end)
            self._tell(trial, outcome)
        trial.state, trial.reason, trial.finished_at = outcome.state, outcome.reason, finished_at
        trial.metrics = dict(outcome.metrics)
        self._end(trial)
        return outcome

    def amend(self, number: int, metrics: Mapping[str, Any]) -> None:
        """Add metrics measured after a trial's end; its objectives keep what was measured before it."""
        trial = self.trials[number]
        assert trial.state != "running", number
        assert not {objective.name for objective in self.objectives} & metrics.keys(), metrics
        self._record(AMENDED, {"number": number, "metrics": dict(metrics)})
        trial.amend(metrics)
        self.n_changes += 1

    def remember_probes(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep the metrics of configs probed ahead, by probe key: one record."""
        if results:
            news = {key: dict(metrics) for key, metrics in results.items()}
            self._record(PROBED, news)
            self.probed.update(news)
            self.n_changes += 1

    def remember_priors(self, priors: Sequence[Prior]) -> None:
        """Keep finished trials of earlier studies to learn from, those not yet kept."""
        known = {key for prior in self.priors for key in (prior.key, key_today(prior.key, prior.config))}
        fresh = [prior for prior in priors if prior.key not in known]
        for portion in in_portions(fresh):
            self._record(PRIORS, portion)
        if fresh:
            self._learn(fresh)

    def _ask(self, trial: StoredTrial) -> dict[str, Any]:
        ask = {"number": trial.number, "params": trial.params, "config": trial.config, "key": trial.key}
        if trial.probe_key is not None:
            ask["probe_key"] = trial.probe_key
        if trial.replicate_of is not None:
            ask["replicate_of"] = trial.replicate_of
        if self.drivers.are_many:
            ask["driver"] = trial.driver
        return ask

    def _partial(self, trial: StoredTrial, outcome: Outcome) -> dict[str, Any]:
        """The objectives of a stopped trial as far as they are known: exact ones, and its last epoch's."""
        last = trial.rows[max(trial.rows)] if trial.rows else {}
        known = {**last, **outcome.metrics}
        return {
            objective.name: known[objective.name] for objective in self.objectives if objective.name in known
        }

    def _note_row(self, trial: StoredTrial, row: dict[str, Any]) -> None:
        epoch = int(row["epoch"])
        # The last first: a driver that dies in between leaves no gap.
        for undone in sorted((known for known in trial.rows if known >= epoch), reverse=True):
            if undone > epoch:
                self._write(trial, epoch_name(undone), None)
            trial.undone_s += float(trial.rows.pop(undone)["seconds"])
        trial.rows[epoch] = row
        self._write(trial, epoch_name(epoch), row)

    def _set_start(self, trial: StoredTrial, news: Mapping[str, Any]) -> None:
        start = {**trial.start, **news}
        if start != trial.start:
            self._write(trial, START, start)
            trial.start = start
            self._note_device(trial)

    def _write(self, trial: StoredTrial, name: str, value: Any) -> None:
        assert trial.optuna_trial is not None, f"trial {trial.number} has ended"
        try:
            trial.optuna_trial.set_user_attr(name, value)
        except optuna.exceptions.UpdateFinishedTrialError as error:
            raise StudyFailedError(f"trial {trial.number} was ended by another driver") from error
        self.n_changes += 1

    def _tell(self, trial: StoredTrial, outcome: Outcome, is_half_done: bool = False) -> None:
        optuna_trial, trial.optuna_trial = trial.optuna_trial, None
        assert optuna_trial is not None, f"trial {trial.number} has ended"
        if trial.replicate_of is not None:
            self.study.tell(optuna_trial, state=TrialState.FAIL)
            return
        result = optuna_result(outcome, self.objectives, self.limits, self.worst)
        known = optuna_trial.constraints if is_half_done else {}
        for name, value in result.constraints.items():
            if name not in known:
                optuna_trial.set_constraint(name, value)
        values = None if result.values is None else list(result.values)
        self.study.tell(optuna_trial, values, state=_OPTUNA_STATES[result.state])

    def _record(self, name: str, value: Any) -> None:
        self._append(create_trial(state=TrialState.FAIL, user_attrs={name: value}))

    def _append(self, frozen: FrozenTrial) -> int:
        # As `study.add_trial` does, which tells no id.
        return int(self.study._storage.create_new_trial(self.study._study_id, frozen))

    def _handle(self, trial_id: int) -> Trial:
        return Trial(self._mute, trial_id)

    # loading

    def _read(self, repair: bool) -> int:
        """Take in what is new in the storage; how many asks were new.

        repair: in an exclusive section, complete what a driver that died left half done.
        """
        frozen_trials = self.study.get_trials(deepcopy=False)
        new = frozen_trials[self._n_read :]
        for frozen in [*(frozen_trials[number] for number in sorted(self._open)), *new]:
            self._take_in(frozen, repair)
        self._n_read = len(frozen_trials)
        return sum(not is_record(frozen) for frozen in new)

    def _take_in(self, frozen: FrozenTrial, repair: bool) -> None:
        if frozen.state.is_finished():
            self._open.discard(frozen.number)
        else:
            self._open.add(frozen.number)
        trial = read_trial(frozen)
        if is_record(frozen):
            self._take_in_record(frozen.user_attrs)
        elif trial is not None:
            self._take_in_trial(trial, frozen, repair)
        elif repair and frozen.state == TrialState.RUNNING:
            # That driver died while it asked; what it took from the queue is queued again.
            if QUEUED in frozen.system_attrs:
                self.study.enqueue_trial(frozen.system_attrs[QUEUED])
            self.reject(self._handle(frozen._trial_id), "the driver died while it asked")

    def _take_in_record(self, attrs: Mapping[str, Any]) -> None:
        # Older studies have the reason here where a probe ran out of memory: that is no metric.
        for key, metrics in attrs.get(PROBED, {}).items():
            self.probed[key] = {name: value for name, value in metrics.items() if is_probed(name)}
        if PRIOR in attrs:
            self.priors_in_optuna.add(attrs[PRIOR])
        self._learn([Prior.read(kept) for kept in attrs.get(PRIORS, [])])
        if AMENDED in attrs:
            self.trials[attrs[AMENDED]["number"]].amend(attrs[AMENDED]["metrics"])
        self.n_changes += 1

    def _take_in_trial(self, fresh: StoredTrial, frozen: FrozenTrial, repair: bool) -> None:
        fresh.key = key_today(fresh.key, fresh.config)
        trial = self.trials.get(fresh.number)
        if trial is None:
            trial = fresh
            if not self.drivers.are_many:
                trial.driver = self.drivers.me
            if not frozen.state.is_finished():
                trial.optuna_trial = self._handle(frozen._trial_id)
            self._enter(trial)
        elif trial.state == "running" and trial.driver != self.drivers.me:
            self._catch_up(trial, fresh)
            trial.optuna_trial = None if frozen.state.is_finished() else trial.optuna_trial
        if repair and trial.state != "running" and frozen.state == TrialState.RUNNING:
            # The driver died between its record of the end and Optuna's: its record counts.
            self._tell(trial, Outcome(trial.state, trial.reason, trial.metrics), is_half_done=True)

    def _catch_up(self, trial: StoredTrial, fresh: StoredTrial) -> None:
        """Take in what another driver has recorded of its trial."""
        news = {name: getattr(fresh, name) for name in _STORED}
        if news == {name: getattr(trial, name) for name in _STORED}:
            return
        vars(trial).update(news)
        self._note_metrics(trial)
        self._note_device(trial)
        self.n_changes += 1
        if trial.state != "running":
            self._end(trial)


def _now() -> str:
    return datetime.now(UTC).isoformat()
