"""How large a share of the true hypervolume samplers reach on NAS-Bench-201 (CIFAR-100, 15,625 networks).

    python -m benchmarks.search_quality --json search_quality.json
    python -m benchmarks.search_quality --only tpe,cheap_first --seeds 5

Accuracy, model size and latency; networks are evaluated 8 at a time. First a table in which every metric
is learned only from a finished trial, then one in which size and latency can be probed.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.nasbench import MISSING, Networks, is_installed, networks
from benchmarks.setting import is_chosen
from benchmarks.table import markdown, write_json
from search.cluster.machine import describe_machine, installed_versions
from search.simulate import simulate
from spaces.space import SAMPLERS, Budget, SamplerChoice
from studies.pareto import hypervolume

AT = (50, 100, 200)
IN_FLIGHT = 8
PROBES = (5, 20, math.inf)
WITH_PROBES = "cheap_first"
BASE = "tpe"
"""Stands beside it in the table with probes, of which it wants none."""
ALIAS = "auto"
SLOW = ("gp", "Optuna GPSampler")


@dataclass(frozen=True)
class Row:
    """A sampler in one setting. probes: configs probed before each ask; None where nothing can be."""

    name: str
    probes: float | None = None

    @property
    def is_slow(self) -> bool:
        return self.name in SLOW


@dataclass(frozen=True)
class Run:
    """Of one seed: the share of the true hypervolume at each of AT, and mean real seconds an ask."""

    row: Row
    seed: int
    shares: tuple[float, ...]
    ask_s: float


def ours(row: Row, seed: int) -> tuple[list[tuple[float, ...]], float]:
    """The values of finished trials in order, by the engine's own proposer and store."""
    nas = networks(row.probes is not None)
    space = replace(nas.space, sampler=SamplerChoice(row.name, seed), budget=Budget(max(AT)))
    simulation = simulate(space, nas.table, IN_FLIGHT, probes=row.probes or 0)
    trials = {trial.number: trial for trial in simulation.study.trials}
    values = [
        tuple(float(trials[end.number].values[name] or 0.0) for name in space.objectives)
        for end in simulation.ends
    ]
    return values, simulation.ask_s / simulation.n_asks


def optuna_as_it_is(row: Row, seed: int) -> tuple[list[tuple[float, ...]], float]:
    """`study.ask` and `study.tell` of Optuna alone, its samplers with their defaults; repeats count."""
    import optuna

    samplers: dict[str, Callable[[], Any]] = {
        "Optuna TPESampler": lambda: optuna.samplers.TPESampler(seed=seed),
        "Optuna NSGAIISampler": lambda: optuna.samplers.NSGAIISampler(seed=seed),
        "Optuna GPSampler": lambda: optuna.samplers.GPSampler(seed=seed),
    }
    nas = networks(is_cheap=False)
    directions = [objective.direction for objective in nas.space.objectives.values()]
    study = optuna.create_study(directions=directions, sampler=samplers[row.name]())

    def ask(number: int) -> tuple[Any, dict[str, Any]]:
        trial = study.ask()
        options = {name: list(parameter.values()) for name, parameter in nas.space.search.items()}
        return trial, {name: trial.suggest_categorical(name, values) for name, values in options.items()}

    return _drive(nas, ask, lambda trial, values: study.tell(trial, values))


def ray_as_it_is(row: Row, seed: int) -> tuple[list[tuple[float, ...]], float]:
    """Ray's `OptunaSearch` with its defaults, called as by Ray Tune; repeats count."""
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    nas = networks(is_cheap=False)
    objectives = nas.space.objectives.values()
    modes = ["max" if objective.direction == "maximize" else "min" for objective in objectives]
    search = OptunaSearch(metric=list(nas.space.objectives), mode=modes, seed=seed)
    options = {name: tune.choice(list(parameter.values())) for name, parameter in nas.space.search.items()}
    search.set_search_properties(None, None, options)

    def ask(number: int) -> tuple[Any, dict[str, Any]]:
        params = search.suggest(str(number))
        return str(number), dict(params)

    def tell(trial: Any, values: tuple[float, ...]) -> None:
        search.on_trial_complete(trial, dict(zip(nas.space.objectives, values, strict=True)))

    return _drive(nas, ask, tell)


def _drive(
    nas: Networks,
    ask: Callable[[int], tuple[Any, dict[str, Any]]],
    tell: Callable[[Any, tuple[float, ...]], Any],
) -> tuple[list[tuple[float, ...]], float]:
    """The oldest of the networks in flight ends, another begins, as with slots of one speed."""
    values: list[tuple[float, ...]] = []
    running: deque[tuple[Any, tuple[float, ...]]] = deque()
    ask_s = 0.0
    for number in range(max(AT)):
        if len(running) == IN_FLIGHT:
            _finish(running, values, tell)
        began = time.perf_counter()
        trial, params = ask(number)
        ask_s += time.perf_counter() - began
        metrics = nas.table.recorded(nas.table.resolve(nas.space, params)[1]).metrics
        running.append((trial, tuple(metrics[name] for name in nas.space.objectives)))
    while running:
        _finish(running, values, tell)
    return values, ask_s / max(AT)


def _finish(
    running: deque[tuple[Any, tuple[float, ...]]],
    values: list[tuple[float, ...]],
    tell: Callable[[Any, tuple[float, ...]], Any],
) -> None:
    trial, measured = running.popleft()
    tell(trial, measured)
    values.append(measured)


PEERS: dict[str, Callable[[Row, int], tuple[list[tuple[float, ...]], float]]] = {
    "Optuna TPESampler": optuna_as_it_is,
    "Optuna NSGAIISampler": optuna_as_it_is,
    "Optuna GPSampler": optuna_as_it_is,
    "Ray OptunaSearch": ray_as_it_is,
}


def run(row: Row, seed: int) -> Run:
    """One seed of one row."""
    _quiet()
    values, ask_s = PEERS.get(row.name, ours)(row, seed)
    nas = networks(row.probes is not None)
    objectives = nas.space.objectives.values()
    directions = [objective.direction for objective in objectives]
    reference = [float(objective.reference or 0.0) for objective in objectives]
    shares = tuple(hypervolume(values[:n], directions, reference) / nas.hypervolume for n in AT)
    return Run(row, seed, shares, ask_s)


def _quiet() -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")


def rows(only: str) -> list[Row]:
    """First those of the table without probes, then those of the table with them."""
    names = [name for name in SAMPLERS if name != ALIAS]
    probed = [Row(WITH_PROBES, probes) for probes in PROBES]
    every = [*(Row(name) for name in (*names, *PEERS)), Row(BASE, 0), *probed]
    return [row for row in every if is_chosen(row.name, only)]


def measure(chosen: Sequence[Row], n_seeds: int, n_slow_seeds: int, n_processes: int) -> list[Run]:
    """All seeds of all rows, in processes of one thread each; the slow ones start first."""
    jobs = [
        (row, seed)
        for row in sorted(chosen, key=lambda row: not row.is_slow)
        for seed in range(n_slow_seeds if row.is_slow else n_seeds)
    ]
    if n_processes == 1:
        return [run(*job) for job in jobs]
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(run, *zip(*jobs, strict=True)))


def table(runs: Sequence[Run], chosen: Sequence[Row], *, probed: bool) -> str:
    """Markdown: mean ± sd over seeds at each of AT."""
    lines = []
    for row in chosen:
        of_row = [run for run in runs if run.row == row]
        if (row.probes is not None) is not probed or not of_row:
            continue
        shares = np.array([run.shares for run in of_row])
        sd = shares.std(axis=0, ddof=1) if len(of_row) > 1 else [math.nan] * len(AT)
        name = row.name if not probed else f"{row.name}, {_probes(row.probes)}"
        lines.append(
            (
                name,
                *(f"{mean:.4f} ± {spread:.4f}" for mean, spread in zip(shares.mean(axis=0), sd, strict=True)),
                f"{np.mean([run.ask_s for run in of_row]):.3f}",
                str(len(of_row)),
            )
        )
    return markdown(("sampler", *map(str, AT), "s an ask", "seeds"), lines)


def _probes(probes: float | None) -> str:
    return "unlimited probes" if probes == math.inf else f"{probes:.0f} probes a trial"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search_quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", help="rows whose name has one of these parts: tpe,Ray")
    parser.add_argument("--seeds", type=int, default=20, help="default: %(default)s")
    parser.add_argument(
        "--slow-seeds", type=int, default=5, help=f"of {', '.join(SLOW)}; default: %(default)s"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: all cores")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured to this file too")
    arguments = parser.parse_args(argv)
    if not is_installed():
        print(f"error: {MISSING}", file=sys.stderr)
        return 2
    chosen = rows(arguments.only)
    runs = measure(chosen, arguments.seeds, arguments.slow_seeds, arguments.processes)
    nas = networks(is_cheap=False)
    print(f"share of the true hypervolume ({nas.n_front} points), {IN_FLIGHT} in flight, mean ± sd\n")
    for title, probed in (
        ("every metric learned from finished trials", False),
        ("cheap size, latency", True),
    ):
        lines = table(runs, chosen, probed=probed)
        if lines.count("\n") > 1:
            print(f"{title}\n\n{lines}\n")
    environment = {"machine": describe_machine(), "versions": installed_versions()}
    write_json(arguments, "search_quality", environment, [_plain(run) for run in runs])
    return 0


def _plain(run: Run) -> dict[str, Any]:
    probes = "unlimited" if run.row.probes == math.inf else run.row.probes
    shares = {str(n): share for n, share in zip(AT, run.shares, strict=True)}
    return {"name": run.row.name, "probes": probes, "seed": run.seed, "shares": shares, "ask_s": run.ask_s}


if __name__ == "__main__":
    raise SystemExit(main())
