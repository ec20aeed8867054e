"""Build the report of a study: `python -m reports.build runs/demo` writes runs/demo/report.html."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports.page import page
from reports.paper.images import KINDS, write_images
from spikefront.command import run_command
from spikefront.files import replace_text
from studies.model import Study
from studies.record import read_study

REPORT = "report.html"


def build_report(study: Study, run_folder: str | Path) -> Path:
    """Write the report of `study` as one offline file into `run_folder`, and return its path.

    Works for every study, also one without trials: a figure that cannot be made becomes a card that says
    why. The file is replaced atomically, so a reader never sees half of it.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(run_folder) / REPORT
    # A text from outside may hold half a surrogate pair, which no file can.
    replace_text(path, page(study, Path(run_folder)).encode("utf-8", "replace").decode("utf-8"))
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns 0 when the report is written, 2 with one readable block on bad input."""
    parser = argparse.ArgumentParser(prog="python -m reports.build", description="Write the report again.")
    parser.add_argument("run", metavar="RUN", help="the study's folder, such as runs/demo")
    parser.add_argument("--images", choices=KINDS, help="also write RUN/images: figures for papers")
    return run_command(lambda: _command(parser.parse_args(argv)), prefix="no report")


def _command(arguments: argparse.Namespace) -> int:
    run = Path(arguments.run)
    study = read_study(run)
    path = build_report(study, run)
    images, cards = write_images(study, run, arguments.images) if arguments.images else ([], [])
    print(path, *images, sep="\n")
    for card in cards:
        print(f"no image: {card.title}: {card.why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
