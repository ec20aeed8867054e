"""Which configs are probed before the sampler chooses: what the sampler asks for, within a budget of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from search.config_key import probe_key_of, resolve
from search.propose.probe_budget import ProbeBudget
from search.propose.proposer import has_queue
from search.trials.store import TrialStore
from spaces.space import Space

MAX_FAILURES = 3
"""After so many jobs in a row without a result, nothing is probed ahead any more: each costs a worker."""


class ProbingSampler(Protocol):
    """A sampler that chooses better when it knows what candidates cost."""

    def wanted(self, n: int) -> list[dict[str, Any]]:
        """At most n params whose probes it would like to know; none that it has asked for before."""


@dataclass(frozen=True)
class ProbeRequest:
    """Configs to probe, by probe key. seconds: after so many no further probe should be begun."""

    configs: Mapping[str, Mapping[str, Any]]
    seconds: float


class ProbeAhead:
    """Asks the study's sampler before each of its choices, if it is a `ProbingSampler`.

    Its budget is that of one driver: where several share a study, each probes by what its own trials took.
    """

    def __init__(self, store: TrialStore, space: Space) -> None:
        self._store, self._space = store, space
        self._budget = ProbeBudget(space.sampler.probes, space.sampler.probe_share)
        self._trained = _TrainedSeconds(store)
        self._in_flight: list[ProbeRequest] = []
        self._n_ready = 0  # choices that a probing job was run for and that are still to come
        self._n_failed = 0  # jobs in a row

    def next(self) -> ProbeRequest | None:
        """What is to be probed before the next choice; None when it can be made now."""
        sampler: Any = self._store.study.sampler
        if not hasattr(sampler, "wanted") or self._n_failed >= MAX_FAILURES or has_queue(self._store.study):
            return None
        if self._n_ready > 0:
            self._n_ready -= 1
            return None
        n, seconds = self._budget.allowed(self._trained.total())
        if n == 0:
            return None
        configs = self._configs(sampler, n)
        if not configs:
            return None
        self._budget.begun(len(configs))
        request = ProbeRequest(configs, seconds)
        self._in_flight.append(request)
        return request

    def ended(self, request: ProbeRequest, metrics: Mapping[str, Mapping[str, Any]], seconds: float) -> None:
        """A probing job has ended, without metrics if it failed; the next choice is made with what is known.

        seconds: of a slot.
        """
        self._in_flight.remove(request)
        self._budget.ended(len(request.configs), len(metrics), seconds)
        self._n_ready += 1
        self._n_failed = 0 if metrics else self._n_failed + 1
        if metrics:
            self._store.remember_probes(metrics)

    def lost(self) -> None:
        """The jobs that were handed out died with Ray Tune's loop: the next choices are made without them.

        One of them may be the cause, and a new sampler would ask for the same configs again.
        """
        for request in list(self._in_flight):
            self.ended(request, {}, 0.0)

    def _configs(self, sampler: ProbingSampler, n: int) -> dict[str, Mapping[str, Any]]:
        configs: dict[str, Mapping[str, Any]] = {}
        for params in sampler.wanted(n):
            config, config_key = resolve(self._space, params)
            key = probe_key_of(config, config_key)
            if key not in self._store.probed:
                configs[key] = config
        return configs


class _TrainedSeconds:
    """Seconds that this driver's trials spent in epochs since this was made."""

    def __init__(self, store: TrialStore) -> None:
        self._store = store
        self._ended: set[int] = set()
        self._ended_seconds = self._before = 0.0
        self._before = self.total()

    def total(self) -> float:
        """Running ones too; those that have ended are added up once."""
        running = 0.0
        for number, trial in self._store.trials.items():
            if number in self._ended or trial.driver != self._store.drivers.me:
                continue
            seconds = trial.undone_s + sum(float(row["seconds"]) for row in trial.rows.values())
            if trial.state == "running":
                running += seconds
            else:
                self._ended.add(number)
                self._ended_seconds += seconds
        return running + self._ended_seconds - self._before
