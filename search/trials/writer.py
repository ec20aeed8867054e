"""Writes the record of a running study: Parquet, the front's configs, and which checkpoints stay."""

from __future__ import annotations

import time
from pathlib import Path

from filelock import Timeout

from search.options import KeepCheckpoints
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.trials.store import TrialStore
from search.trials.to_record import StoreRecord
from search.worker.checkpoint_place import CheckpointPlace
from spikefront.files import require_replaceable
from studies.configs import front_paths, write_front
from studies.model import Study
from studies.pareto import front
from studies.record import EPOCHS, TRIALS, write_study

MIN_SECONDS = 5.0
MAX_SHARE = 0.02
"""Time between two writes, at least, as a share of the time the study has run; and the share of its time
that a driver spends on writing, at most."""


class RecordWriter:
    """`poll` writes when a write is due and there is something new, `finish` at once, with the report.

    Drivers that share the folder write one after the other, and each reads the study when it holds the
    lock: whoever writes last has seen what the one before it wrote.

    place: of the checkpoints; those that are no longer needed are removed. The study's attributes are read
    from its storage each time: another driver may have changed them.
    """

    def __init__(self, store: TrialStore, folder: RunFolder, place: CheckpointPlace) -> None:
        self._store, self._folder, self._place = store, folder, place
        self._record = StoreRecord(store)
        self._began = self._looked = time.monotonic()
        self._took = 0.0
        self._n_changes = -1

    def poll(self) -> None:
        """Write if a write is due: at most every 5 s or 2 % of the elapsed time, whichever is rarer.

        Less often where a write takes long.
        """
        now = time.monotonic()
        due = max(MIN_SECONDS, MAX_SHARE * (now - self._began), self._took / MAX_SHARE)
        if now - self._looked < due:
            return
        self._looked = now
        self._store.refresh()
        if self._store.n_changes == self._n_changes:
            return
        try:
            # Do not wait: the other driver may be writing its report, and trials here need an answer.
            writing = self._folder.writing().acquire(timeout=0)
        except Timeout:
            return
        with writing:
            self._write()

    def finish(self) -> tuple[Study, Path | None, str | None]:
        """Write record and report as the storage has the study now; report and problem as `write_report`.

        Both under one lock, or the report of an older record could replace this one. It takes seconds, once
        per driver; only drivers that end at the same time wait for it.

        Raises:
            OSError: it cannot be written, or another driver does not finish its writing.
        """
        with self._folder.exclusive_write():
            record = self._write()
            return record, *write_report(record, self._folder)

    def _write(self) -> Study:
        """Write the record and remove checkpoints that are no longer needed. Call inside
        `exclusive_write`."""
        began = time.monotonic()
        self._store.refresh()
        self._n_changes = self._store.n_changes
        attributes = StudyAttributes.of_begun(self._store.study)
        record = self._record.study(attributes)
        write_record(record, self._folder)
        self._place.remove(unneeded(record, attributes.keep_checkpoints))
        self._looked = time.monotonic()
        self._took = self._looked - began
        return record


def unneeded(record: Study, keep: KeepCheckpoints) -> list[int]:
    """The finished trials whose checkpoints are not kept; running ones always keep theirs."""
    if keep == "all":
        return []
    kept = {trial.number for trial in front(record)} if keep == "front" else set()
    return [trial.number for trial in record.trials if trial.state != "running" and trial.number not in kept]


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
