"""From the storage to the record: the study as `studies` knows it. `python -m search.record RUN`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import optuna

from search.about import About, parse_time
from search.claim import claim_study
from search.entry import Entry, read_entries
from search.errors import SearchError
from search.folder import RunFolder
from search.ledger import Ledger
from search.limits import violations
from search.opening import open_existing
from search.storage import reading
from snncore.locks import LockHeldError
from spikefront.command import run_command
from spikefront.files import require_replaceable
from studies.configs import front_paths, write_front
from studies.model import EpochRow, Study, Trial
from studies.record import EPOCHS, TRIALS, write_study


def study_record(study: optuna.Study, about: About) -> Study:
    """The whole study as its storage has it now, trials by number.

    Raises:
        SearchError: the storage holds what is none of ours.
    """
    with reading(f"study {about.name!r}"):
        entries = read_entries(study.get_trials(deepcopy=False))
        epochs = [row for entry in entries for row in epochs_of(entry)]
        return Study(about.info(), tuple(trial_of(entry, about) for entry in entries), tuple(epochs))


EPOCH_FIELDS = [field.name for field in fields(EpochRow) if field.name != "number"]


class LedgerRecord:
    """The record as a ledger has it, which is as the storage has it. Trials that have ended are kept."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ended: dict[int, tuple[Trial, tuple[EpochRow, ...]]] = {}

    def study(self, about: About) -> Study:
        """The whole study, trials by number. about: the same objectives and limits at each call."""
        parts = [self._part(number, about) for number in sorted(self._ledger.entries)]
        rows = tuple(row for _, epochs in parts for row in epochs)
        return Study(about.info(), tuple(trial for trial, _ in parts), rows)

    def _part(self, number: int, about: About) -> tuple[Trial, tuple[EpochRow, ...]]:
        entry = self._ledger.entries[number]
        known = self._ended.get(number)
        if known is not None and known[0].metrics is entry.metrics:  # `amend` makes a new dict
            return known
        part = trial_of(entry, about), epochs_of(entry)
        if entry.state != "running":
            self._ended[number] = part
        return part


def trial_of(entry: Entry, about: About) -> Trial:
    """A trial as the record holds it."""
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
        replicate_of=entry.replicate_of,
        attempts=entry.start.get("attempts", 0),
        started_at=parse_time(entry.start.get("started_at")),
        finished_at=parse_time(entry.finished_at),
        **place,
    )


def epochs_of(entry: Entry) -> tuple[EpochRow, ...]:
    """The epochs of a trial as the record holds them, in order."""
    return tuple(_epoch(entry.number, row) for _, row in sorted(entry.rows.items()))


def _epoch(number: int, row: dict[str, Any]) -> EpochRow:
    known = {name: row[name] for name in EPOCH_FIELDS}  # a later version may record more
    lists = {name: tuple(row[name]) for name in ("reliable_share", "firing_rate")}
    return EpochRow(number=number, **{**known, **lists})


def write_record(record: Study, folder: RunFolder) -> None:
    """Write both Parquet files and the configs of the front; none of them where one cannot be.

    Raises:
        WriteError: a folder stands in the place of one, or the disk is full.
    """
    parquet = [folder.typed / name for name in (TRIALS, EPOCHS)]
    require_replaceable([*parquet, *front_paths(record, folder.typed)])
    write_study(record, folder.path)
    write_front(record, folder.typed)


def write_report(record: Study, folder: RunFolder) -> tuple[Path | None, str | None]:
    """Write the report; its path, or why there is none: a report that fails must not lose the study."""
    try:
        from reports.build import build_report

        return build_report(record, folder.typed), None
    except Exception as error:
        again = f"python -m reports.build {folder.typed}"
        return None, f"the report could not be written: {type(error).__name__}: {error}; try `{again}`"


def rebuild(run: str | Path, storage: str | None = None) -> list[Path]:
    """Write both Parquet files, the front's configs and the report of a run folder again, from its storage.

    Returns what was written. storage: a URL, where the folder does not name one with its password.

    Raises:
        SearchError: there is no study, or its only driver is running it and writes the record itself.
    """
    folder = RunFolder(Path(run).expanduser().absolute())
    if not (folder.journal.exists() or folder.storage_url.exists() or (storage and folder.path.is_dir())):
        raise SearchError(f"{run}: no study; a study lies in runs/NAME")
    with claim_study(folder, storage):
        study, about = open_existing(folder, storage)
        try:
            # Before the study is read: a driver may write a newer record meanwhile.
            with folder.turn_to_write():
                record = study_record(study, about)
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
