"""What the benchmarks that replay the table of digits configs share: their options, table and whole."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import optuna

from benchmarks.digits_table import FOLDER, table_space
from search.simulate import StudyTable
from search.simulate.table import with_reference
from spaces.space import Space
from studies.errors import StudyError
from studies.pareto import hypervolume


@dataclass(frozen=True)
class Replayed:
    """A table of finished trainings.

    space: what it was drawn from, with reference points. total: the hypervolume of all complete configs.
    n_configs, epochs: configs, and epochs of the longest.
    """

    space: Space
    table: StudyTable
    total: float
    n_configs: int
    epochs: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """--table, --replays, --slots, --min-epochs, --eta and --json."""
    parser.add_argument("--table", default=str(FOLDER), metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--replays", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--slots", type=int, default=8, help="trials at a time; default: %(default)s")
    parser.add_argument("--min-epochs", type=int, default=3, help="the first rung; default: %(default)s")
    parser.add_argument("--eta", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured to this file too")


def read_replayed(arguments: argparse.Namespace) -> Replayed:
    """The table of --table; ends the program with status 2 when it cannot be read."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        table = StudyTable.read(arguments.table)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    space = with_reference(table_space(), table)
    everything = list(table.everything())
    epochs = max(len(row.rows) for row in everything)
    return Replayed(space, table, _hypervolume(space, table), len(everything), epochs)


def _hypervolume(space: Space, table: StudyTable) -> float:
    objectives = space.objectives
    values = [
        [row.metrics[name] for name in objectives] for row in table.everything() if row.state == "complete"
    ]
    directions = [objective.direction for objective in objectives.values()]
    references = [float(objective.reference or 0.0) for objective in objectives.values()]
    return hypervolume(values, directions, references)
