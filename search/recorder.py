"""Writes the record of a running study: Parquet, the front's configs, and which checkpoints stay."""

from __future__ import annotations

import time
from pathlib import Path

import optuna

from search.about import About
from search.checkpoints import remove_checkpoints
from search.folder import RunFolder
from search.options import KeepCheckpoints
from search.record import study_record
from studies.export import write_front
from studies.model import Study
from studies.pareto import front
from studies.record import write_study

MIN_SECONDS = 5.0
MAX_SHARE = 0.02
"""Time between two writes, at least, as a share of the time the study has run."""


class Recorder:
    """`turn` writes when a write is due, `write` at once."""

    def __init__(self, study: optuna.Study, about: About, folder: RunFolder, keep: KeepCheckpoints) -> None:
        self._study, self._about, self._folder, self._keep = study, about, folder, keep
        self._began = self._written = time.monotonic()

    def turn(self) -> None:
        """Write if a write is due: at most every 5 s or 2 % of the elapsed time, whichever is rarer."""
        now = time.monotonic()
        if now - self._written >= max(MIN_SECONDS, MAX_SHARE * (now - self._began)):
            self.write()

    def write(self, about: About | None = None) -> Study:
        """Write the record as the storage has it now; checkpoints nobody needs any more go."""
        self._about = about or self._about
        record = study_record(self._study, self._about)
        write_record(record, self._folder)
        remove_checkpoints(self._folder.trial_checkpoints(number) for number in unneeded(record, self._keep))
        self._written = time.monotonic()
        return record


def unneeded(record: Study, keep: KeepCheckpoints) -> list[int]:
    """The finished trials whose checkpoints are not kept; running ones always keep theirs."""
    if keep == "all":
        return []
    kept = {trial.number for trial in front(record)} if keep == "front" else set()
    return [trial.number for trial in record.trials if trial.state != "running" and trial.number not in kept]


def write_record(record: Study, folder: RunFolder) -> None:
    """Write both Parquet files and the configs of the front."""
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
