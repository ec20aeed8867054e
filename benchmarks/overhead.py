"""What the engine adds to a trial beyond the trainer's own time, and what asking costs in a large study.

    python -m benchmarks.overhead                        # all of it
    python -m benchmarks.overhead --trials 200 --sleep-ms 0 --asks 0

Trials that only sleep run through a study of ours and through plain Ray Tune with OptunaSearch, whose
trainable is a function that reports once an epoch, with workers reused and without; ours reports twice
more a trial (its probe and its end), keeps a journal that survives kill -9, and writes Parquet. All run in
one Ray with the same settings, in turn. The overhead of a trial is the time from the end of the first
trials, with which the workers start, to the last end, less what the trainer slept in a slot, divided by the
trials. Then asks and ends are timed in studies of the space cifar100 with many recorded trials.
Exits with 1 on a busy machine.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from benchmarks.asking import Asking, time_asks
from benchmarks.idle import TRAINER, idle_function
from benchmarks.setting import add_load_option
from benchmarks.surroundings import describe, is_quiet
from benchmarks.table import markdown, write_json
from search.cluster.ray_cluster import ray_cluster
from search.engine import run_study
from search.options import RunOptions
from spaces.options import Choice
from spaces.ranges import FloatRange, IntRange
from spaces.space import Budget, Objective, Resources, SamplerChoice, Space

OBJECTIVES = {"val_accuracy": "maximize", "train_memory_mib": "minimize", "latency_ms": "minimize"}
WARM_UP = 2
"""Trials of each slot that are left out: its worker starts, and loads what it needs (`idle.load_once`)."""

N_RECORDED = (100, 1000, 5000)


@dataclass(frozen=True)
class Load:
    """Trials that sleep. n_slots: how many run at once."""

    n_trials: int
    n_epochs: int
    sleep_s: float
    n_slots: int


@dataclass(frozen=True)
class Ended:
    """When a trial ended, in seconds, and how long it slept."""

    at: float
    slept: float


@dataclass(frozen=True)
class Overhead:
    """Seconds a trial, of each round."""

    name: str
    seconds: list[float]


def overhead(ends: Sequence[Ended], n_slots: int) -> float:
    """Seconds of wall time a trial took beyond its sleep; see the top of this file."""
    ordered = sorted(ends, key=lambda end: end.at)
    before, measured = ordered[: WARM_UP * n_slots], ordered[WARM_UP * n_slots :]
    wall = measured[-1].at - before[-1].at
    return (wall - sum(end.slept for end in measured) / n_slots) / len(measured)


def through_ours(load: Load, folder: Path, sampler: str) -> list[Ended]:
    space = Space(
        name="overhead",
        base={"optim": {"epochs": load.n_epochs, "batch_size": max(1, round(1000 * load.sleep_s))}},
        search={
            "T": IntRange(1, 8),
            "model.width": Choice((0.5, 1.0, 2.0)),
            "optim.lr": FloatRange(0.01, 1, log=True),
        },
        objectives={name: Objective(direction) for name, direction in OBJECTIVES.items()},
        budget=Budget(load.n_trials),
        sampler=SamplerChoice(sampler, 0),
        resources=Resources(1, 0),
    )
    study = run_study(space, RunOptions(out=str(folder), show=False, trainer=TRAINER))
    slept = dict.fromkeys((trial.number for trial in study.trials), 0.0)
    for row in study.epochs:
        slept[row.number] += row.seconds
    assert all(trial.finished_at for trial in study.trials)
    return [Ended(trial.finished_at.timestamp(), slept[trial.number]) for trial in study.trials]  # type: ignore[union-attr]


class Ends(tune.Callback):  # type: ignore[misc]  # ray is not typed here
    """Notes when Ray Tune sees a trial end."""

    def __init__(self) -> None:
        self.ends: list[Ended] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.ends.append(Ended(time.time(), trial.last_result["slept_s"]))


def through_ray(load: Load, folder: Path, reuse_actors: bool) -> list[Ended]:
    searched = {
        "T": tune.randint(1, 9),
        "width": tune.choice([0.5, 1.0, 2.0]),
        "lr": tune.loguniform(0.01, 1),
    }
    ways = [direction[:3] for direction in OBJECTIVES.values()]
    ends = Ends()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tune.Tuner(
            idle_function,
            param_space={**searched, "epochs": load.n_epochs, "sleep_s": load.sleep_s},
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(metric=list(OBJECTIVES), mode=ways, seed=0),
                num_samples=load.n_trials,
                max_concurrent_trials=load.n_slots,
                reuse_actors=reuse_actors,
            ),
            run_config=tune.RunConfig(storage_path=str(folder), verbose=0, callbacks=[ends]),
        ).fit()
    return ends.ends


def overheads(load: Load, arguments: argparse.Namespace) -> list[Overhead]:
    """Rounds of all rows in turn, so that what slows the machine down slows all."""
    few = Load(**{**asdict(load), "n_trials": min(load.n_trials, arguments.fresh_trials)})
    rows: dict[str, tuple[Load, Callable[[Path], list[Ended]]]] = {
        "ours": (load, lambda folder: through_ours(load, folder, arguments.sampler)),
        "Ray Tune + OptunaSearch, reuse_actors=True": (load, lambda folder: through_ray(load, folder, True)),
        "Ray Tune + OptunaSearch, default": (few, lambda folder: through_ray(few, folder, False)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(arguments.rounds):
        for name, (of_row, run) in rows.items():
            with tempfile.TemporaryDirectory() as folder:
                ends = run(Path(folder))
            assert len(ends) == of_row.n_trials, f"{name}: {len(ends)} of {of_row.n_trials} trials ended"
            seconds[name].append(overhead(ends, load.n_slots))
    return [Overhead(name, rounds) for name, rounds in seconds.items()]


def overhead_table(rows: Sequence[Overhead]) -> str:
    cells = [
        (
            row.name,
            f"{statistics.median(row.seconds):.3f}",
            ", ".join(f"{value:.3f}" for value in row.seconds),
        )
        for row in rows
    ]
    return markdown(("trials by", "s a trial beyond its sleep, median", "rounds"), cells)


def asking_table(rows: Sequence[Asking]) -> str:
    cells = [
        (
            row.sampler,
            str(row.n_recorded),
            f"{row.ask_ms:.0f}",
            f"{row.ask_max_ms:.0f}",
            f"{row.tell_ms:.1f}",
            str(row.n),
        )
        for row in rows
    ]
    head = ("sampler", "recorded trials", "ms an ask, median", "longest", "ms an end", "n")
    return markdown(head, cells)


def _in_words(environment: dict[str, Any]) -> str:
    machine, versions = environment["machine"], environment["versions"]
    return (
        f"{machine['processor']} ({machine['cores']} cores), Python {versions['python']}, "
        f"ray {versions['ray']}, optuna {versions['optuna']}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--trials", type=int, default=60, help="a round; 0: none")
    add("--fresh-trials", type=int, default=16, help="a round where each trial starts a worker")
    add("--epochs", type=int, default=3)
    add("--sleep-ms", type=int, default=50, help="an epoch; 1 at least for ours")
    add("--rounds", type=int, default=3)
    add("--sampler", default="auto", help="of ours")
    add("--samplers", default="auto,tpe,random", help="whose asks are timed")
    add("--recorded", type=int, nargs="+", default=list(N_RECORDED), help="trials recorded before the asks")
    add("--asks", type=int, default=20, help="timed for each sampler and size; 0: none")
    add("--json", metavar="FILE", help="write the numbers to this file too")
    add_load_option(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    if not is_quiet(arguments.allow_load):
        return 1
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    environment = describe(1, "default", "cpu")
    environment["versions"] |= {name: importlib.metadata.version(name) for name in ("ray", "optuna")}
    print(_in_words(environment) + "\n")
    rows: list[dict[str, Any]] = []
    if arguments.trials:
        with ray_cluster("local") as nodes:
            n_slots = round(sum(node.cpus for node in nodes))
            load = Load(arguments.trials, arguments.epochs, arguments.sleep_ms / 1000, n_slots)
            measured = overheads(load, arguments)
        print(
            f"{load.n_trials} trials of {load.n_epochs} epochs of {arguments.sleep_ms} ms on {n_slots} slots"
        )
        print(overhead_table(measured) + "\n")
        rows += [asdict(row) for row in measured]
    if arguments.asks:
        with tempfile.TemporaryDirectory() as folder:
            asks = [
                time_asks("cifar100", sampler, n, arguments.asks, Path(folder))
                for sampler in arguments.samplers.split(",")
                for n in arguments.recorded
            ]
        print(asking_table(asks))
        rows += [asdict(row) for row in asks]
    write_json(arguments, "overhead", environment, rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
