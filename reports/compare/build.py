"""Compare studies: `python -m reports.compare runs/a runs/b` writes compare.html, one offline page."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.compare.frame import CompareFrame, compare_frame, out_of_reach
from reports.compare.ground import Entrant, Ground, ground, with_references
from reports.compare.page import compare_page, no_volume_words
from spikefront.command import run_command
from spikefront.files import replace_text
from studies.errors import StudyError
from studies.record import read_study
from studies.text import heading, number, one_line, three_digits, with_unit

PAGE = "compare.html"


def compare(runs: Sequence[str | Path], references: Mapping[str, float] | None = None) -> str:
    """The page that compares the studies of these run folders, as HTML.

    references: by objective, the reference value of the hypervolume; the rule applies to the others.

    Raises:
        StudyError: a record cannot be read, or the studies cannot be compared; see `ground`.
    """
    return compare_page(*_compared(runs, references or {}))


def entrants_of(runs: Sequence[str | Path]) -> list[Entrant]:
    """The studies of run folders by their names, or by their folders where a name is not unique.

    Raises:
        StudyError: a folder is given twice, or a record cannot be read.
    """
    folders = [Path(run) for run in runs]
    places = Counter(folder.resolve() for folder in folders)
    for folder in folders:
        if places[folder.resolve()] > 1:
            raise StudyError(f"{folder}: given twice; a study is not compared with itself")
    studies = [read_study(folder) for folder in folders]
    names = Counter(study.info.name for study in studies)
    return [
        Entrant(study.info.name if names[study.info.name] == 1 else str(folder), study, folder)
        for folder, study in zip(folders, studies, strict=True)
    ]


def _compared(
    runs: Sequence[str | Path], references: Mapping[str, float]
) -> tuple[list[Entrant], Ground, CompareFrame]:
    entrants = entrants_of(runs)
    shared = with_references(ground(entrants), references)
    return entrants, shared, compare_frame(entrants, shared)


def summary_table(frame: CompareFrame) -> Table:
    """A row for each study, for the terminal: hypervolume, trials on the common front, best values."""
    names = [objective.name for objective in frame.objectives]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("study", overflow="fold")
    counted = ("hyper-\nvolume", "of the\ncommon", "on\nfront", "on\ncommon")
    for title in (*counted, *(f"best\n{heading(name)}" for name in names)):
        table.add_column(Text(title), justify="right", no_wrap=True)
    for member in frame.members:
        share = f"{100 * member.hypervolume / frame.total:.1f} %" if frame.total > 0 else "-"
        best = [number(name, member.best[name]) if name in member.best else "-" for name in names]
        counts = [str(len(member.front)), str(member.n_common)]
        cells = [one_line(member.name), three_digits(member.hypervolume), share, *counts, *best]
        table.add_row(*map(Text, cells))
    return table


def lines(shared: Ground, frame: CompareFrame) -> list[str]:
    """The lines below the table: what is not compared, warnings, and the reference point."""
    notes = [f"not compared: {one_line(omitted.name)}: {omitted.why}" for omitted in shared.left_out]
    notes += [f"note: {warning}" for warning in shared.warnings]
    if frame.reference is not None:
        corner = ", ".join(f"{name} {with_unit(name, value)}" for name, value in frame.reference.items())
        notes.append(f"hypervolume {three_digits(frame.total)} in all, measured from {corner}")
        names = out_of_reach(frame)
        if names is not None:
            than = [f"{name} {with_unit(name, frame.reference[name])}" for name in names]
            notes.append(f"note: {no_volume_words(than)}")
    return [one_line(line, 1000) for line in notes]


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns 0 when the page is written, 2 with one readable block on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m reports.compare", description="Compare studies on one offline page."
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a study's folder, such as runs/digits")
    parser.add_argument("--out", metavar="FILE", default=PAGE, help=f"the page; default: {PAGE}")
    parser.add_argument(
        "--reference",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="reference value of an objective for the hypervolume; may be given several times",
    )
    return run_command(lambda: _command(parser.parse_args(argv)), prefix="no comparison")


def _command(arguments: argparse.Namespace) -> int:
    entrants, shared, frame = _compared(arguments.runs, _references(arguments.reference))
    path = Path(arguments.out)
    page = compare_page(entrants, shared, frame)
    # A text from outside may hold half a surrogate pair, which no file can.
    replace_text(path, page.encode("utf-8", "replace").decode("utf-8"))
    console = Console(highlight=False)
    console.print(summary_table(frame))
    for line in lines(shared, frame):
        console.print(Text(line))
    print(path)
    return 0


def _references(given: Sequence[str]) -> dict[str, float]:
    references = {}
    for text in given:
        name, _, value_text = text.partition("=")
        try:
            number_given = float(value_text)
        except ValueError:
            number_given = math.nan
        if not name or not math.isfinite(number_given):
            raise StudyError(f"--reference: got {text!r}, allowed: NAME=VALUE, such as latency_ms=20")
        references[name] = number_given
    return references
