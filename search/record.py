"""From the storage to the record: the study as `studies` knows it. `python -m search.record RUN`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna

from search.about import About, parse_time
from search.errors import SearchError
from search.folder import RunFolder
from search.ledger import Entry, read_entry
from search.limits import violations
from search.opening import open_existing
from studies.errors import StudyError
from studies.model import EpochRow, Study, Trial
from studies.record import EPOCHS, TRIALS


def study_record(study: optuna.Study, about: About) -> Study:
    """The whole study as its storage has it now, trials by number."""
    trials, epochs = [], []
    for frozen in study.get_trials(deepcopy=False):
        entry = read_entry(frozen)
        if entry is not None:
            trials.append(_trial(entry, about))
            epochs += [_epoch(entry.number, row) for _, row in sorted(entry.rows.items())]
    trials.sort(key=lambda trial: trial.number)
    epochs.sort(key=lambda row: (row.number, row.epoch))
    return Study(about.info(), tuple(trials), tuple(epochs))


def _trial(entry: Entry, about: About) -> Trial:
    values: dict[str, float | None] = {objective.name: None for objective in about.objectives}
    if entry.state == "complete":
        values = {name: float(entry.metrics[name]) for name in values}
    place = {key: entry.start.get(key) for key in ("worker", "node", "device")}
    return Trial(
        number=entry.number,
        state=entry.state,
        config=entry.config,
        params=entry.params,
        reason=entry.reason,
        values=values,
        constraints=violations(entry.metrics, about.limits),
        metrics=entry.metrics,
        epochs_trained=max(entry.rows, default=0),
        seed=entry.config["seed"],
        attempts=entry.start.get("attempts", 0),
        started_at=parse_time(entry.start.get("started_at")),
        finished_at=parse_time(entry.finished_at),
        **place,
    )


def _epoch(number: int, row: dict[str, Any]) -> EpochRow:
    lists = {name: tuple(row[name]) for name in ("reliable_share", "firing_rate")}
    return EpochRow(number=number, **{**row, **lists})


def rebuild(run: str | Path, storage: str | None = None) -> list[Path]:
    """Write both Parquet files, the front's configs and the report of a run folder again, from its storage.

    Returns what was written. storage: a URL, where the folder does not name one with its password.

    Raises:
        SearchError: there is no study, or a driver is running it and writes the record itself.
    """
    from search.recorder import write_record, write_report

    folder = RunFolder(Path(run).expanduser().absolute())
    if not (folder.journal.exists() or folder.storage_url.exists() or (storage and folder.path.is_dir())):
        raise SearchError(f"{run}: no study; a study lies in runs/NAME")
    with folder.claim():
        study, about = open_existing(folder, storage)
        record = study_record(study, about)
        write_record(record, folder)
        report, problem = write_report(record, folder)
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
    arguments = parser.parse_args(argv)
    try:
        for path in rebuild(arguments.run, arguments.storage):
            print(path)
    except (SearchError, StudyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
