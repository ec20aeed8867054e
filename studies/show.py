"""Print the front of a study as a table, and below it how the trials ended.

python -m studies.show runs/cifar100
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from studies.errors import StudyError
from studies.model import Study, Trial
from studies.noise import near_front, seed_spread
from studies.pareto import front, knee, study_hypervolume, study_reference_point
from studies.record import read_study
from studies.remarks import near_remark, noise_remark, quiet_remarks
from studies.replicates import Spread, searched, spreads
from studies.text import (
    heading,
    is_under_load,
    number,
    one_line,
    params_text,
    spread_text,
    state_counts,
    trial_stem,
    with_unit,
)
from studies.timings import Timing, quiet_timing, timing

LOADED = "*"
"""Marks a latency that was measured while other trials ran."""


def main(argv: list[str] | None = None) -> int:
    """Print the study of a folder; 0 done, 2 bad input (usage errors exit with 2 themselves)."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.show", description="Print the front of a study as a table."
    )
    parser.add_argument("run", metavar="RUN", help="folder of the study, for example runs/cifar100")
    arguments = parser.parse_args(argv)
    try:
        study = read_study(arguments.run)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console = Console(highlight=False)
    console.print(front_table(study))
    for line in [*summary_lines(study), *final_lines(study, Path(arguments.run))]:
        console.print(Text(line))
    return 0


def front_table(study: Study) -> Table:
    """The front by number: objectives with their units and what is known of their spread, params.

    Below a value stand its quartiles, the measurement with the machine quiet, or mean and sample standard
    deviation over the trial and its replicates.
    All params share one column, which wraps: eight columns would not fit 80 characters. The caption names
    the knee. Without a front the table has no rows and its caption says so.
    """
    trials, middle = front(study), knee(study)
    names = [objective.name for objective in study.info.objectives]
    has_load = any(is_under_load(trial, name) for trial in trials for name in names)
    notes = [f"knee: trial {middle.number}"] if middle else ["no trial is complete and feasible yet"]
    notes += [f"{LOADED} measured while other trials ran"] if has_load else []
    again = spreads(study)
    notes += ["mean ± sd over seeds"] if again else []
    table = Table(
        title=Text(
            f"front of {one_line(study.info.name)}: {len(trials)} of {len(searched(study).trials)} trials"
        ),
        caption=Text("; ".join(notes)),
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column(Text("trial"), justify="right", no_wrap=True)
    for name in names:
        table.add_column(Text(heading(name)), justify="right")
    table.add_column(Text("params"), overflow="fold")
    order = _searched(study)
    for trial in trials:
        cells = [_cell(trial, name, seed_spread(trial, name, again)) for name in names]
        table.add_row(str(trial.number), *map(Text, cells), Text(params_text(trial.params, order)))
    return table


def summary_lines(study: Study) -> list[str]:
    """How the trials ended with reasons counted, the hypervolume, and what noise makes of the front.

    With quiet measurements also what they change; with noise which trials are within it of the front.
    """
    lines = [state_counts(study)]
    reference = study_reference_point(study)
    if reference is not None:
        names = [objective.name for objective in study.info.objectives]
        corner = ", ".join(
            f"{name} {with_unit(name, value)}" for name, value in zip(names, reference, strict=True)
        )
        lines.append(f"hypervolume {study_hypervolume(study):.5g}, measured from {corner}")
    near = near_front(study)
    lines += [noise_remark(study), near_remark(near)] if near or spreads(study) else []
    return [line for line in [*lines, *quiet_remarks(study)] if line]


def final_lines(study: Study, folder: Path) -> list[str]:
    """A line for each finals/trial-NNNN/result.json of a run folder: accuracy promised against obtained."""
    trials = {trial_stem(trial.number): trial for trial in study.trials}
    lines = []
    for path in sorted(folder.glob("finals/*/result.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            lines.append(_final_line(path.parent.name, trials.get(path.parent.name), result))
        except (OSError, ValueError, AttributeError) as error:
            lines.append(f"{path}: cannot be read: {error}")
    return lines


def _final_line(name: str, trial: Trial | None, result: Mapping[str, Any]) -> str:
    promised = _known(trial, "val_accuracy") if trial else None
    told = {
        "validation accuracy promised": promised,
        "obtained": result.get("val_accuracy"),
        "test accuracy": result.get("test_accuracy"),
    }
    shown = ", ".join(
        f"{what} {'-' if value is None else with_unit('val_accuracy', value)}" for what, value in told.items()
    )
    return f"final training of {name}: {shown}"


def _cell(trial: Trial, name: str, over_seeds: Spread | None) -> str:
    own, quiet = timing(trial, name), quiet_timing(trial, name)
    told = number(name, trial.values[name]) + (LOADED if is_under_load(trial, name) else "")
    told += _quartiles(name, own)
    if quiet is not None:
        return f"{told}\nquiet {number(name, quiet.median)}{_quartiles(name, quiet)}"
    return f"{told}\n{spread_text(name, over_seeds)}" if over_seeds else told


def _quartiles(name: str, found: Timing | None) -> str:
    if found is None or found.quartiles is None:
        return ""
    low, high = found.quartiles
    return f" ({number(name, low)}-{number(name, high)})"


def _known(trial: Trial, name: str) -> Any:
    value = trial.values.get(name)
    return trial.metrics.get(name) if value is None else value


def _searched(study: Study) -> Iterable[str]:
    """The searched fields in the order of the space file, as far as the record tells it."""
    search = study.info.space.get("search")
    return list(search) if isinstance(search, Mapping) else []


if __name__ == "__main__":
    raise SystemExit(main())
