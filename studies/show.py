"""A study in the terminal.

python -m studies.show runs/digits
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from studies.errors import StudyError
from studies.export import FINALS, trial_name
from studies.model import STATES, Study, Trial
from studies.pareto import front, knee, study_hypervolume, study_reference_point
from studies.record import read_study

_UNITS = {"_mib": "MiB", "_ms": "ms", "_uj": "µJ", "_s": "s", "accuracy": "%"}


def front_table(study: Study) -> Table:
    """The front as a table: number, objectives, knobs; the knee is marked. Sorted by the first objective."""
    table = Table(title="front", title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("trial", justify="right", no_wrap=True)
    for objective in study.info.objectives:
        table.add_column(escape(_heading(objective.name)), justify="right")
    # Fields of a section can be told apart without it nearly always, and 80 columns are few.
    table.add_column("params", overflow="fold")
    at_knee = knee(study)
    for trial in _sorted_front(study):
        mark = " knee" if at_knee is not None and trial.number == at_knee.number else ""
        cells = [_value(trial, objective.name) for objective in study.info.objectives]
        table.add_row(f"{trial.number}{mark}", *cells, escape(short_params(trial.params)))
    return table


def short_params(params: Mapping[str, Any]) -> str:
    """Params in one line, without the names of their sections."""
    parts = []
    for name, value in params.items():
        shown = f"{value:.3g}" if isinstance(value, float) else str(value)
        parts.append(f"{name.rpartition('.')[2]}={shown}")
    return " ".join(parts)


def state_lines(study: Study) -> list[str]:
    """How many trials ended how, and why those did that did not complete; then the hypervolume."""
    counts = Counter(trial.state for trial in study.trials)
    shown = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    lines = [f"{len(study.trials)} trials: {shown}" if study.trials else "no trials yet"]
    for state in ("infeasible", "failed"):
        reasons = Counter(trial.reason or "no reason" for trial in study.trials if trial.state == state)
        lines += [f"  {state}: {reason} ({n}x)" for reason, n in reasons.most_common(5)]
    reference = study_reference_point(study)
    if reference is not None and front(study):
        at = ", ".join(
            f"{objective.name} {value:.4g}"
            for objective, value in zip(study.info.objectives, reference, strict=True)
        )
        lines.append(f"hypervolume {study_hypervolume(study):.6g}, reference point {at}")
    return lines


def final_lines(study: Study, run_folder: Path) -> list[str]:
    """For each final training of an exported config: what the search promised, what was obtained."""
    lines = []
    for trial in study.trials:
        path = run_folder / FINALS / trial_name(trial.number) / "result.json"
        if not path.is_file():
            continue
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            test, obtained = result["test_accuracy"], result["val_accuracy"]
        except (ValueError, KeyError, OSError):
            lines.append(f"final of trial {trial.number}: {path} cannot be read")
            continue
        promised = trial.metrics.get("val_accuracy")
        validation = f", validation {obtained:.2f} %" if obtained is not None else ""
        before = f" (search: {promised:.2f} %)" if isinstance(promised, int | float) else ""
        lines.append(f"final of trial {trial.number}: test {test:.2f} %{validation}{before}")
    return lines


def _sorted_front(study: Study) -> list[Trial]:
    if not study.info.objectives:
        return []
    first = study.info.objectives[0]
    sign = -1.0 if first.direction == "maximize" else 1.0
    return sorted(front(study), key=lambda trial: sign * float(trial.values[first.name] or 0.0))


def _heading(name: str) -> str:
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    bare = name.removesuffix(f"_{unit.lower()}") if unit else name
    return f"{bare} [{unit}]" if unit else name


def _value(trial: Trial, name: str) -> str:
    value: Any = trial.values.get(name)
    low, high = trial.metrics.get(f"{name}_q25"), trial.metrics.get(f"{name}_q75")
    shown = "-" if value is None else f"{value:.4g}"
    return f"{shown} ({low:.3g}-{high:.3g})" if low is not None and high is not None else shown


def main(argv: list[str] | None = None) -> int:
    """The command: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m studies.show", description="Show a study's front.")
    parser.add_argument("run", type=Path, help="folder of a study, such as runs/digits")
    arguments = parser.parse_args(argv)
    try:
        study = read_study(arguments.run)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console = Console()
    console.print(front_table(study))
    for line in [*state_lines(study), *final_lines(study, arguments.run)]:
        console.print(line, markup=False, highlight=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
