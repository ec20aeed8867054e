"""A study replayed: simulated slots and time around the real proposer, store and early stopping."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import optuna

from search.constraints import Bounds, broken_limits
from search.early_stopping.halving import Halving
from search.early_stopping.recorded_halving import RecordedHalving
from search.propose.proposer import Proposer
from search.simulate.table import Recorded, Table
from search.study.attributes import StudyAttributes
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from search.trials.to_record import study_record
from search.worker.jobs import Report
from snncore.config.metrics import PROBED
from spaces.space import Space
from studies.model import State, Study

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""The simulated time 0 in the record."""


class Source(Protocol):
    """Where trials come from: `Proposer`, or `InOrder`."""

    def next(self) -> StoredTrial | None:
        """Open the next trial in the store; None when there is none."""
        ...


class Stopper(Protocol):
    """Early stopping as `Halving` does it."""

    def report(
        self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int
    ) -> str | None:
        """Why a trial stops after this epoch, or None."""
        ...


@dataclass(frozen=True)
class End:
    """A trial's end. time_s: simulated. epochs: of this trial. epochs_spent: by all trials up to now."""

    number: int
    state: State
    time_s: float
    epochs: int
    epochs_spent: int


@dataclass(frozen=True)
class Simulation:
    """What came of it.

    study: the record, its times simulated. ends: in order, as `studies.pareto.finishing_order` has them.
    n_probes: configs probed for the sampler. ask_s: real seconds spent in choosing, of n_asks asks.
    """

    study: Study
    ends: tuple[End, ...]
    n_probes: int
    n_asks: int
    ask_s: float


def simulate(
    space: Space,
    table: Table,
    n_slots: int,
    *,
    probes: float = 0,
    stopper: Stopper | None = None,
    source: Callable[[TrialStore], Source] | None = None,
) -> Simulation:
    """Replay a study of `space.budget.trials` trials; the same arguments give the same simulation.

    probes: at most so many configs are probed before each ask of a sampler that wants it; math.inf is
    allowed. stopper: by default what the space's `fidelity` says. source: makes what the trials come
    from; by default the space's sampler.
    """
    attributes = StudyAttributes.of(space.name, space)
    study = optuna.create_study(
        study_name=space.name,
        storage=optuna.storages.InMemoryStorage(),
        directions=[objective.direction for objective in attributes.objectives],
    )
    attributes.write(study)
    store = TrialStore(study, attributes.objectives, attributes.limits)
    if stopper is None and space.fidelity is not None:
        stopper = Halving(space.fidelity.min_epochs, space.fidelity.eta, attributes.objectives)
    if isinstance(stopper, Halving):  # as in a real study, it takes the ends of trials into account
        stopper = RecordedHalving(stopper, store)
    make_source = source or (lambda store: Proposer(store, space, table.resolve, _own_key))
    slots = _Slots(space, store, table, make_source(store), stopper)
    slots.run(n_slots, probes)
    return Simulation(
        slots.with_times(study_record(study, attributes)),
        tuple(slots.ends),
        slots.n_probes,
        slots.n_asks,
        slots.ask_s,
    )


@dataclass
class _Run:
    """A trial in a slot. rows: the epochs that are still to come."""

    trial: StoredTrial
    recorded: Recorded
    rows: Iterator[Mapping[str, Any]]
    row: Mapping[str, Any] | None = None
    n_epochs: int = 0
    broken: str | None = None


class _Slots:
    """The simulated clock: events in order of time, ties in the order they began."""

    def __init__(
        self, space: Space, store: TrialStore, table: Table, source: Source, stopper: Stopper | None
    ) -> None:
        self._space, self._store, self._table = space, store, table
        self._source, self._stopper = source, stopper
        self._probes: float = 0
        self._limits = _known_before(store.limits)
        self._waiting: list[tuple[float, int, _Run]] = []
        self._n_events = self._epochs_spent = 0
        self._started: dict[int, float] = {}
        self.ends: list[End] = []
        self.n_probes = self.n_asks = 0
        self.ask_s = 0.0

    def run(self, n_slots: int, probes: float) -> None:
        """From time 0 until nothing runs any more."""
        self._probes = probes
        for _ in range(n_slots):
            self._begin(0.0)
        while self._waiting:
            now, _, run = heapq.heappop(self._waiting)
            outcome = self._step(run)
            if outcome is None:
                self._wait_for_row(run, now)
            else:
                self._end(run, outcome, now)
                self._begin(now)

    def _begin(self, now: float) -> None:
        """Fill a free slot."""
        if len(self._store.trials) >= self._space.budget.trials:
            return
        began, self.n_asks = time.perf_counter(), self.n_asks + 1
        now += self._probe_ahead()
        trial = self._source.next()
        self.ask_s += time.perf_counter() - began
        if trial is None:
            return
        recorded = self._table.recorded(trial.key)
        self._store.started(trial.number)
        self._store.note(trial.number, Report("probe", metrics=recorded.probe))
        self._started[trial.number] = now
        run = _Run(trial, recorded, iter(recorded.rows), broken=broken_limits(recorded.probe, self._limits))
        now += recorded.probe_s
        if run.broken:
            self._wait(run, now)
        elif recorded.rows:
            self._wait_for_row(run, now)
        else:
            self._wait(run, now + recorded.train_s)

    def _step(self, run: _Run) -> Outcome | None:
        """What has happened to a trial in the meantime: its outcome, or None when it continues."""
        if run.broken:
            return Outcome("infeasible", run.broken, run.recorded.probe)
        if run.row is None:
            return _outcome(run.recorded)
        row, run.row = run.row, None
        run.n_epochs += 1
        self._epochs_spent += 1
        self._store.note(run.trial.number, Report("epoch", row=row))
        if self._stopper is None:
            return None
        epochs = len(run.recorded.rows)
        reason = self._stopper.report(run.trial.number, row, run.recorded.probe, epochs)
        return Outcome("stopped", reason) if reason else None

    def _wait_for_row(self, run: _Run, now: float) -> None:
        run.row = next(run.rows, None)
        self._wait(run, now if run.row is None else now + float(run.row["seconds"]))

    def _wait(self, run: _Run, until: float) -> None:
        heapq.heappush(self._waiting, (until, self._n_events, run))
        self._n_events += 1

    def _end(self, run: _Run, outcome: Outcome, now: float) -> None:
        outcome = self._store.finish(run.trial.number, outcome)
        self.ends.append(End(run.trial.number, outcome.state, now, run.n_epochs, self._epochs_spent))

    def _probe_ahead(self) -> float:
        """Let the sampler know the cost of configs it asks for; the simulated seconds that takes."""
        wanted = getattr(self._store.study.sampler, "wanted", None)
        if wanted is None or self._probes <= 0:
            return 0.0
        seconds = 0.0
        for params in wanted(None if self._probes == math.inf else int(self._probes)):
            recorded = self._table.recorded(self._table.resolve(self._space, params)[1])
            self._store.probed[recorded.key] = dict(recorded.probe)
            seconds += recorded.probe_s
            self.n_probes += 1
        return seconds

    def with_times(self, study: Study) -> Study:
        """The record with simulated times in place of the real ones."""
        ended = {end.number: end.time_s for end in self.ends}
        trials = [
            replace(trial, started_at=_at(self._started[trial.number]), finished_at=_at(ended[trial.number]))
            for trial in study.trials
        ]
        last = max(ended.values(), default=0.0)
        info = replace(study.info, started_at=BEGIN, finished_at=_at(last))
        return replace(study, info=info, trials=tuple(trials))


class InOrder:
    """Trials in a given order, whatever a sampler would say: for comparing schedulers."""

    def __init__(self, store: TrialStore, order: Iterable[Recorded]) -> None:
        self._store, self._left = store, iter(order)

    def next(self) -> StoredTrial | None:
        """The next one that is not in the store yet."""
        for recorded in self._left:
            if recorded.key not in self._store.by_key:
                optuna_trial = self._store.study.ask()
                self._store.n_asks += 1
                return self._store.open(
                    optuna_trial, dict(recorded.params), dict(recorded.config), recorded.key
                )
        return None


def _own_key(config: Mapping[str, Any], key: str) -> str:
    """The probe key of a table: each of its configs was probed by itself."""
    return key


def _outcome(recorded: Recorded) -> Outcome:
    return Outcome(recorded.state, recorded.reason, recorded.metrics)


def _known_before(limits: Mapping[str, Bounds]) -> dict[str, Bounds]:
    return {name: bounds for name, bounds in limits.items() if name in PROBED}


def _at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)
