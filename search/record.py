"""Writes a study's record again, from its storage: `python -m search.record RUN`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from search.errors import SearchError
from search.study.folder import RunFolder
from search.study.lock import lock_study
from search.study.opening import open_existing
from search.trials.to_record import study_record
from search.trials.writer import write_record, write_report
from spikefront.command import run_command
from spikefront.locks import LockHeldError
from studies.record import EPOCHS, TRIALS


def rebuild(run: str | Path, storage: str | None = None) -> list[Path]:
    """Write both Parquet files, the front's configs and the report of a run folder again, from its storage.

    Returns what was written. storage: a URL, where the folder does not name one with its password.

    Raises:
        SearchError: there is no study, or its only driver is running it and writes the record itself.
    """
    folder = RunFolder(Path(run).expanduser().absolute())
    if not (folder.journal.exists() or folder.storage_url.exists() or (storage and folder.path.is_dir())):
        raise SearchError(f"{run}: no study; a study lies in runs/NAME")
    with lock_study(folder, storage):
        study, attributes = open_existing(folder, storage)
        try:
            # Before the study is read: a driver may write a newer record meanwhile.
            with folder.exclusive_write():
                record = study_record(study, attributes)
                write_record(record, folder)
                report, problem = write_report(record, folder)
        except LockHeldError as error:
            raise SearchError(f"{error}; its driver writes the record") from error
    if problem:
        raise SearchError(problem)
    written = [folder.path / name for name in (TRIALS, EPOCHS)]
    return [*written, report] if report else written


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m search.record`; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m search.record", description="Rebuild the record of a study from its storage."
    )
    parser.add_argument("run", metavar="RUN", help="the run folder, such as runs/cifar100")
    parser.add_argument("--storage", metavar="URL", help="the database, if the study has one")

    def command() -> int:
        arguments = parser.parse_args(argv)
        for path in rebuild(arguments.run, arguments.storage):
            print(path)
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
