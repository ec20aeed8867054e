"""Print the front of a study as a table and a plot, and below them how the trials ended.

python -m studies.show runs/cifar100
python -m studies.show runs/cifar100 --format csv --out trials.csv
python -m studies.show runs/cifar100 --format json --what epochs
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from spikefront.command import run_command
from spikefront.files import replacing
from studies.accuracy import accuracy_remarks
from studies.finals import final_lines
from studies.formats import FORMATS, WHATS, converted
from studies.front_table import FrontView, front_table
from studies.model import Study
from studies.noise import near_front
from studies.pareto import study_hypervolume, study_reference_point
from studies.plot import PlotView, plot_frames
from studies.record import read_study
from studies.remarks import near_remark, noise_remark, quiet_remarks
from studies.replicates import spreads
from studies.runs import run_lines
from studies.text import state_counts, with_unit

__all__ = ["FrontView", "front_table", "main", "summary_lines"]


def main(argv: list[str] | None = None) -> int:
    """Print the study of a folder; 0 done, 2 bad input (usage errors exit with 2 themselves)."""
    return run_command(lambda: _command(_arguments(argv)))


def _command(arguments: argparse.Namespace) -> int:
    study = read_study(arguments.run)
    if arguments.format is None:
        _print_study(study, Path(arguments.run))
    else:
        _write(converted(study, arguments.what, arguments.format), arguments.out)
    return 0


def summary_lines(study: Study) -> list[str]:
    """How the trials ended with counted reasons, the hypervolume, and remarks on accuracies and noise.

    With quiet measurements also what they change; with noise also the trials within the noise of the front.
    """
    lines = [state_counts(study)]
    reference = study_reference_point(study)
    if reference is not None:
        names = [objective.name for objective in study.info.objectives]
        corner = ", ".join(
            f"{name} {with_unit(name, value)}" for name, value in zip(names, reference, strict=True)
        )
        lines.append(f"hypervolume {study_hypervolume(study):.5g}, measured from {corner}")
    lines += accuracy_remarks(study)
    near = near_front(study)
    lines += [noise_remark(study), near_remark(near)] if near or spreads(study) else []
    return [line for line in [*lines, *quiet_remarks(study)] if line]


def _print_study(study: Study, folder: Path) -> None:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(
            errors="replace"
        )  # a character that the terminal lacks must not end the command
    console = Console(highlight=False)
    console.print(FrontView(study))
    console.print(PlotView(plot_frames(study)))
    for line in [*summary_lines(study), *run_lines(study.info), *final_lines(study, folder)]:
        console.print(Text(line))


def _write(content: bytes, out: str | None) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    with replacing(Path(out)) as file:
        file.write(content)
    print(f"wrote {out}", file=sys.stderr)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m studies.show",
        description="Print the front of a study, or its record for other tools.",
    )
    parser.add_argument("run", metavar="RUN", help="folder of the study, for example runs/cifar100")
    parser.add_argument("--format", choices=FORMATS, help="write the record instead of the table")
    parser.add_argument("--what", choices=WHATS, help="rows to write (default: trials)")
    parser.add_argument("--out", metavar="FILE", help="file to write, replaced if it exists (default: print)")
    arguments = parser.parse_args(argv)
    if arguments.format is None and (arguments.what or arguments.out):
        parser.error("--what and --out go with --format")
    if arguments.format == "parquet" and arguments.out is None:
        parser.error("--format parquet needs --out FILE")
    arguments.what = arguments.what or "trials"
    return arguments


if __name__ == "__main__":
    raise SystemExit(main())
