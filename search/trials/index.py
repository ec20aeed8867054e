"""All trials of a study in memory, with counts and look-ups that are kept up to date as trials begin and
end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from search.constraints import is_measured
from search.trials.prior import Prior
from search.trials.stored_trial import StoredTrial
from snncore.config.metrics import is_probed
from studies.model import STATES, Objective


class TrialIndex:
    """The trials of one study, replicates too, by number. No look-up grows with the number of trials.

    by_key: numbers of the trials by the key of their config, without replicates. probed: metrics that
    probes have measured, of trials and of configs probed ahead, by probe key. priors: finished trials of
    earlier studies, for samplers that learn from them, one a key; a new list whenever it changes.
    priors_in_optuna: keys of those that were added to the Optuna study, by any driver. device: of the first
    trial that was probed, None before. n_trials: those the budget counts. n_changes: grows whenever anything
    here does. ended: the numbers of ended trials, in the order in which this driver saw them end. worst: per
    objective the worst value that any trial has measured.
    """

    def __init__(self, objectives: tuple[Objective, ...]) -> None:
        self.objectives = objectives
        self.trials: dict[int, StoredTrial] = {}
        self.by_key: dict[str, int] = {}
        self.probed: dict[str, dict[str, Any]] = {}
        self.priors: list[Prior] = []
        self.priors_in_optuna: set[str] = set()
        self.device: str | None = None
        self.worst: dict[str, float] = {}
        self.n_trials = self.n_changes = 0
        self.ended: list[int] = []
        self._next_number = 0
        self._running: dict[int, StoredTrial] = {}
        self._replicates: dict[int, list[int]] = {}
        self._counts: Counter[str] = Counter()

    def running(self) -> list[StoredTrial]:
        """The trials that have not ended, of all drivers, replicates too, by number."""
        return [self._running[number] for number in sorted(self._running)]

    def replicates(self, number: int) -> list[StoredTrial]:
        """The replicates of a trial, in whatever state, by number."""
        return [self.trials[replicate] for replicate in self._replicates.get(number, [])]

    def counts(self) -> dict[str, int]:
        """How many trials there are in each state, without replicates; states without one are missing."""
        return {state: self._counts[state] for state in STATES if self._counts[state]}

    def _enter(self, trial: StoredTrial) -> None:
        """Take in a trial for the first time."""
        self.trials[trial.number] = trial
        self._next_number = max(self._next_number, trial.number + 1)
        if trial.replicate_of is None:
            self.by_key[trial.key] = trial.number
            self.n_trials += 1
            self._counts[trial.state] += 1
        else:
            self._replicates.setdefault(trial.replicate_of, []).append(trial.number)
        if trial.state == "running":
            self._running[trial.number] = trial
        else:
            self.ended.append(trial.number)
        self._note_metrics(trial)
        self._note_device(trial)
        self.n_changes += 1

    def _end(self, trial: StoredTrial) -> None:
        """Take in the end of a trial that was running; its state is set already."""
        del self._running[trial.number]
        self.ended.append(trial.number)
        if trial.replicate_of is None:
            self._counts["running"] -= 1
            self._counts[trial.state] += 1
        self._note_metrics(trial)
        self.n_changes += 1

    def _learn(self, priors: Sequence[Prior]) -> None:
        """Take in priors; what was measured on another device than this study's is not used."""
        known = {prior.key for prior in self.priors}
        fresh = {prior.key: prior for prior in priors if prior.key not in known}
        here = self.device
        self.priors = [*self.priors, *(prior.on(here) if here else prior for prior in fresh.values())]
        self.n_changes += 1

    def _note_device(self, trial: StoredTrial) -> None:
        device = trial.start.get("device")
        if self.device is None and device is not None:
            self.device = device
            self.priors = [prior.on(device) for prior in self.priors]

    def _note_metrics(self, trial: StoredTrial) -> None:
        """Take in new metrics of a trial; the probed ones hold for all trials with its probe key."""
        self._note_worst(trial)
        probed = {name: value for name, value in trial.metrics.items() if is_probed(name)}
        if probed and trial.probe_key is not None:
            known = self.probed.get(trial.probe_key, {})
            self.probed[trial.probe_key] = {**probed, **known}

    def _note_worst(self, trial: StoredTrial) -> None:
        for objective in self.objectives:
            measured = trial.metrics.get(objective.name)
            if is_measured(measured):
                value = float(measured)  # type: ignore[arg-type]  # is_measured has seen it
                worse = max if objective.direction == "minimize" else min
                self.worst[objective.name] = worse(self.worst.get(objective.name, value), value)
