"""The command `python -m search.simulate`: samplers and schedulers compared on a recorded study."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import optuna

from search.constraints import is_measured
from search.errors import SearchError
from search.simulate.recorded import StudyTable
from search.simulate.replay import Simulation, simulate
from search.simulate.table import with_reference
from search.study.attributes import StudyAttributes
from search.study.opening import stored_space
from spaces.space import SAMPLERS, Fidelity, SamplerChoice, Space
from spikefront.command import run_command
from spikefront.numbers import whole
from studies.model import Study
from studies.pareto import hypervolume, hypervolume_curve
from studies.record import read_study

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    return run_command(lambda: _command(_parser().parse_args(argv)))


def _command(arguments: argparse.Namespace) -> int:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = read_study(arguments.study)
    table = StudyTable(study)
    space = with_reference(_space(study, arguments), table)
    names = [name.strip() for name in arguments.sampler.split(",")]
    unknown = [name for name in names if name not in SAMPLERS]
    if unknown:
        raise SearchError(f"--sampler: got {unknown[0]!r}, allowed: {', '.join(SAMPLERS)}")
    total = _hypervolume(space, table)
    rows = []
    for name in names:
        runs = [
            simulate(
                replace(space, sampler=SamplerChoice(name, seed)),
                table,
                arguments.slots,
                probes=arguments.probes,
            )
            for seed in range(arguments.seeds)
        ]
        rows += _rows(name, runs, total)
    _print(rows)
    return 0


def _n_probes(text: str) -> float:
    return math.inf if text == "inf" else whole(0)(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search.simulate",
        description="Replay a recorded study without training. What a sampler proposes is answered by the "
        "nearest config of the record. Hypervolume is given as a share of that of the whole record.",
    )
    parser.add_argument("--study", required=True, metavar="RUN", help="the run folder, such as runs/digits")
    parser.add_argument("--sampler", default="auto", help="one name, or several with commas between them")
    parser.add_argument("--slots", type=whole(1), default=8, metavar="N", help="trials at a time; default 8")
    parser.add_argument("--trials", type=whole(1), metavar="N", help="default: half of those in the record")
    parser.add_argument("--seeds", type=whole(1), default=5, metavar="N", help="replays; default 5")
    parser.add_argument(
        "--probes", type=_n_probes, default=0, metavar="N", help="before each ask; inf is allowed"
    )
    parser.add_argument("--min-epochs", type=whole(0), metavar="N", help="first rung; 0: no early stopping")
    return parser


def _space(study: Study, arguments: argparse.Namespace) -> Space:
    """The space of the record, with what the command line says."""
    info = study.info
    space = stored_space(StudyAttributes(info.name, info.space, info.objectives, {}, ""))
    n_rows = sum(trial.state in ("complete", "infeasible") for trial in study.trials)
    space = replace(space, budget=replace(space.budget, trials=arguments.trials or max(1, n_rows // 2)))
    if arguments.min_epochs == 0:
        return replace(space, fidelity=None)
    if arguments.min_epochs is not None:
        eta = space.fidelity.eta if space.fidelity else Fidelity(1).eta
        return replace(space, fidelity=Fidelity(arguments.min_epochs, eta))
    return space


def _hypervolume(space: Space, table: StudyTable) -> float:
    complete = [row for row in table.everything() if row.state == "complete"]
    for name in space.objectives:
        if not all(is_measured(row.metrics.get(name)) for row in complete):
            raise SearchError(f"the record has complete trials without {name}, an objective of its space")
    values = [[float(row.metrics[name]) for name in space.objectives] for row in complete]
    objectives = space.objectives.values()
    reference = [float(objective.reference or 0.0) for objective in objectives]
    return hypervolume(values, [objective.direction for objective in objectives], reference)


def _rows(name: str, runs: Sequence[Simulation], total: float) -> list[list[str]]:
    """One row a share of the trials that have ended: mean hypervolume and its sd, time and epochs."""
    curves = [hypervolume_curve(run.study) for run in runs]
    rows = []
    for share in SHARES:
        places = [max(0, round(share * len(run.ends)) - 1) for run in runs]
        ends = [run.ends[at] for run, at in zip(runs, places, strict=True)]
        volumes = [curve[at] / total for curve, at in zip(curves, places, strict=True)]
        rows.append(
            [
                name,
                f"{np.mean(places) + 1:.0f}",
                f"{np.mean([end.time_s for end in ends]):.0f}",
                f"{np.mean([end.epochs_spent for end in ends]):.0f}",
                f"{np.mean(volumes):.4f}",
                f"{np.std(volumes):.4f}",
            ]
        )
    return rows


def _print(rows: Sequence[Sequence[str]]) -> None:
    header = ("sampler", "trials", "seconds", "epochs", "hypervolume", "sd")
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    for line in (header, *rows):
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
