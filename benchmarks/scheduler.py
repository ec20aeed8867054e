"""How much training early stopping saves: the table of digits configs replayed in random orders.

    python -m benchmarks.scheduler --json scheduler.json

FIFO trains every config to the end. ASHA is Ray's own, by val_accuracy alone, with the same rungs. Ours is
`search.early_stopping.halving`. Told is how many of the epochs that full training needs it takes to reach a
share of the hypervolume of the whole table; only trials that were trained to the end count for it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.replayed import add_options, read_replayed
from benchmarks.table import markdown, write_json
from search.cluster.machine import describe_machine, installed_versions
from search.early_stopping.halving import Halving
from search.simulate import InOrder, Simulation, StudyTable, simulate
from spaces.space import Budget, Space
from studies.model import Objective
from studies.pareto import hypervolume_curve

TARGETS = (0.9, 0.95, 0.98, 0.99, 0.995)
SHARES = (0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.75, 1.0)


class RayAsha:
    """Ray's `ASHAScheduler`, asked as `Halving` is."""

    def __init__(self, min_epochs: int, eta: float, epochs: int) -> None:
        from ray.tune.schedulers import ASHAScheduler

        self._asha = ASHAScheduler(
            time_attr="epoch",
            metric="val_accuracy",
            mode="max",
            grace_period=min_epochs,
            reduction_factor=eta,
            max_t=epochs,
        )
        self._trials: dict[int, Any] = {}

    def report(
        self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int
    ) -> str | None:
        if number not in self._trials:
            trial = SimpleNamespace(trial_id=str(number), stub=False)
            self._asha.on_trial_add(None, trial)
            self._trials[number] = trial
        result = {"epoch": row["epoch"], "val_accuracy": row["val_accuracy"]}
        stops = self._asha.on_trial_result(None, self._trials[number], result) == "STOP"
        return "ASHA" if stops and row["epoch"] < epochs else None


class Fifo:
    """Stops no trial."""

    def report(
        self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int
    ) -> str | None:
        return None


@dataclass(frozen=True)
class Replay:
    """Of one order: after each end the share of the epochs of full training, and of the hypervolume."""

    epochs: tuple[float, ...]
    volumes: tuple[float, ...]
    n_complete: int

    def volume_at(self, share: float) -> float:
        """The hypervolume reached with this share of the epochs."""
        at = int(np.searchsorted(self.epochs, share, side="right")) - 1
        return self.volumes[at] if at >= 0 else 0.0

    def epochs_for(self, target: float) -> float:
        """The share of the epochs that reaches this hypervolume; infinite when none does."""
        reached = [
            epochs for epochs, volume in zip(self.epochs, self.volumes, strict=True) if volume >= target
        ]
        return reached[0] if reached else math.inf


def replay(space: Space, table: StudyTable, stopper: Any, seed: int, n_slots: int, total: float) -> Replay:
    """All configs of the table in the random order of a seed."""
    everything = list(table.everything())
    order = [everything[at] for at in np.random.default_rng(seed).permutation(len(everything))]
    space = replace(space, budget=Budget(len(order)))
    done = simulate(space, table, n_slots, stopper=stopper, source=lambda store: InOrder(store, order))
    full = sum(len(row.rows) for row in everything)
    return _replay(done, full, total)


def _replay(done: Simulation, full: int, total: float) -> Replay:
    return Replay(
        epochs=tuple(end.epochs_spent / full for end in done.ends),
        volumes=tuple(volume / total for volume in hypervolume_curve(done.study)),
        n_complete=sum(end.state == "complete" for end in done.ends),
    )


def schedulers(
    min_epochs: int, eta: float, epochs: int, objectives: Sequence[Objective]
) -> dict[str, Callable[[], Any]]:
    """By name, a function that makes a stopper for a replay."""
    return {
        "FIFO": Fifo,
        "ASHA by val_accuracy (Ray)": lambda: RayAsha(min_epochs, eta, epochs),
        "ours": lambda: Halving(min_epochs, eta, objectives),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scheduler",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    arguments = parser.parse_args(argv)
    given = read_replayed(arguments)
    space, table, epochs = given.space, given.table, given.epochs
    objectives = [Objective(name, objective.direction) for name, objective in space.objectives.items()]
    rows = []
    for name, make in schedulers(arguments.min_epochs, arguments.eta, epochs, objectives).items():
        replays = [
            replay(space, table, make(), seed, arguments.slots, given.total)
            for seed in range(arguments.replays)
        ]
        rows.append({"name": name, **summary(replays)})
    at_a_time = f"{arguments.slots} at a time, {arguments.replays} orders"
    print(f"{given.n_configs} configs of {epochs} epochs, {at_a_time}\n")
    print(f"share of the hypervolume at a share of the epochs\n\n{volumes_table(rows)}\n")
    print(f"share of the epochs for a share of the hypervolume\n\n{epochs_table(rows)}\n")
    environment = {"machine": describe_machine(), "versions": installed_versions()}
    write_json(arguments, "scheduler", environment, rows)
    return 0


def summary(replays: Sequence[Replay]) -> dict[str, Any]:
    """Means over replays; epochs_for is that of the mean curve, None where it does not reach the target."""
    grid = np.linspace(0.0, 1.0, 1001)
    curve = np.mean([[replay.volume_at(share) for share in grid] for replay in replays], axis=0)
    return {
        "volumes": {
            str(share): float(np.mean([replay.volume_at(share) for replay in replays])) for share in SHARES
        },
        "epochs_for": {str(target): _first(grid, curve >= target) for target in TARGETS},
        "each_for": {str(target): [replay.epochs_for(target) for replay in replays] for target in TARGETS},
        "epochs_spent": float(np.mean([replay.epochs[-1] for replay in replays])),
        "n_complete": float(np.mean([replay.n_complete for replay in replays])),
    }


def _first(grid: Any, is_reached: Any) -> float | None:
    return float(grid[np.argmax(is_reached)]) if is_reached.any() else None


def volumes_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        (
            row["name"],
            *(f"{row['volumes'][str(share)]:.4f}" for share in SHARES),
            f"{row['epochs_spent']:.2f}",
            f"{row['n_complete']:.0f}",
        )
        for row in rows
    ]
    return markdown(("scheduler", *(f"{share:g}" for share in SHARES), "epochs in all", "complete"), lines)


def epochs_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Epochs of the mean curve; in brackets mean and number of the replays that reach the target."""
    lines = []
    for row in rows:
        cells = [row["name"]]
        for target in TARGETS:
            share, each = row["epochs_for"][str(target)], row["each_for"][str(target)]
            reached = [share for share in each if math.isfinite(share)]
            mean = f"{np.mean(reached):.3f}" if reached else "–"
            whole = "–" if share is None else f"{share:.3f}"
            cells.append(f"{whole} ({mean}, {len(reached)} of {len(each)})")
        lines.append(cells)
    return markdown(("scheduler", *(f"{target:g}" for target in TARGETS)), lines)


if __name__ == "__main__":
    raise SystemExit(main())
