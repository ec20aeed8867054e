"""What a sampler should learn from trials that were stopped early: the table of digits configs replayed.

    python -m benchmarks.stopped_trials

The sampler proposes, the nearest config of the table is used, `search.early_stopping.halving` stops. Compared
is what TPE gets for a stopped trial: PRUNED (it counts as worse than every finished one), nothing at all,
COMPLETE with the values of its last epoch, or COMPLETE with the accuracy expected at its end.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
from optuna.trial import TrialState

import search.simulate.replay
from benchmarks.replayed import Replayed, add_options, read_replayed
from benchmarks.table import markdown, write_json
from search.cluster.machine import describe_machine, installed_versions
from search.simulate import simulate
from search.trials.outcome import Outcome
from search.trials.store import StoredTrial, TrialStore
from spaces.space import Budget, Fidelity, SamplerChoice, Space
from studies.pareto import hypervolume_curve

ACCURACY = "val_accuracy"
SHARES = (0.05, 0.1, 0.15, 0.2, 0.3)
"""Of the epochs that training the whole table takes."""


class Nothing(TrialStore):
    """Reports FAIL, which every sampler ignores."""

    def _tell(self, trial: StoredTrial, outcome: Outcome) -> None:
        if outcome.state != "stopped":
            super()._tell(trial, outcome)
            return
        assert trial.optuna_trial is not None
        self.study.tell(trial.optuna_trial, state=TrialState.FAIL)
        trial.state, trial.optuna_trial = outcome.state, None


class LastEpoch(TrialStore):
    """Reports COMPLETE with the values of the last epoch."""

    def _tell(self, trial: StoredTrial, outcome: Outcome) -> None:
        if outcome.state != "stopped":
            super()._tell(trial, outcome)
            return
        last = max(trial.rows)
        known = {**trial.metrics, ACCURACY: self.accuracy(float(trial.rows[last][ACCURACY]), last)}
        super()._tell(trial, Outcome("complete", outcome.reason, known))
        trial.state = outcome.state

    def accuracy(self, accuracy: float, epoch: int) -> float:
        """The accuracy to report for a trial stopped after `epoch`."""
        return accuracy


class ExpectedEnd(LastEpoch):
    """Reports COMPLETE with the accuracy so far plus the median gain of finished trials after that epoch."""

    def accuracy(self, accuracy: float, epoch: int) -> float:
        gains = [
            float(trial.metrics[ACCURACY]) - float(trial.rows[epoch][ACCURACY])
            for trial in self.trials.values()
            if trial.state == "complete" and epoch in trial.rows
        ]
        return min(100.0, accuracy + float(np.median(gains))) if gains else accuracy


TOLD: dict[str, type[TrialStore]] = {
    "PRUNED": TrialStore,
    "nothing": Nothing,
    "COMPLETE, last epoch": LastEpoch,
    "COMPLETE, expected end": ExpectedEnd,
}


def curve(space: Space, given: Replayed, store: type[TrialStore], n_slots: int) -> list[float]:
    """The share of the hypervolume at each of SHARES of the epochs that the whole table needs."""
    with mock.patch.object(search.simulate.replay, "TrialStore", store):
        done = simulate(space, given.table, n_slots)
    full = sum(len(row.rows) for row in given.table.everything())
    spent = [end.epochs_spent / full for end in done.ends]
    volumes = [0.0, *hypervolume_curve(done.study)]
    return [volumes[int(np.searchsorted(spent, share, side="right"))] / given.total for share in SHARES]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stopped_trials",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    parser.add_argument("--sampler", default="tpe", help="default: %(default)s")
    parser.add_argument("--trials", type=int, default=150, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    given = read_replayed(arguments)
    space = replace(
        given.space,
        budget=Budget(arguments.trials),
        fidelity=Fidelity(arguments.min_epochs, arguments.eta),
    )
    samplers = [SamplerChoice(arguments.sampler, seed) for seed in range(arguments.replays)]
    rows = []
    for name, store in TOLD.items():
        curves = [
            curve(replace(space, sampler=sampler), given, store, arguments.slots) for sampler in samplers
        ]
        rows.append({"name": name, "shares": list(SHARES), "volumes": curves})
    print(
        f"share of the hypervolume of {given.n_configs} configs at a share of their epochs; "
        f"{arguments.sampler}, {arguments.trials} trials, {arguments.slots} at a time, "
        f"mean ± sd of {arguments.replays}\n"
    )
    print(_table(rows))
    environment = {"machine": describe_machine(), "versions": installed_versions()}
    write_json(arguments, "stopped_trials", environment, rows)
    return 0


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        volumes = np.array(row["volumes"])
        sd = volumes.std(axis=0, ddof=1) if len(volumes) > 1 else np.zeros(len(SHARES))
        cells = zip(volumes.mean(axis=0), sd, strict=True)
        lines.append((row["name"], *(f"{mean:.4f} ± {spread:.4f}" for mean, spread in cells)))
    return markdown(("told of stopped trials", *(f"{share:g}" for share in SHARES)), lines)


if __name__ == "__main__":
    raise SystemExit(main())
