"""The record of a study on disk: trials.parquet and epochs.parquet, one row for each trial and each epoch.

Columns are described in docs/studies.md. `StudyInfo` is JSON under the key `spikefront` of the file
metadata. Each file is replaced as a whole, so a reader always finds a readable one.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from spikefront.command import fault
from spikefront.files import replacing
from spikefront.json_file import parse_json
from spikefront.shapes import checked
from spikefront.text import cut
from studies.columns import to_json
from studies.errors import StudyError
from studies.model import SCHEMA_VERSION, Objective, Study, StudyInfo, StudyRun
from studies.tables import epochs_of, epochs_table, trials_of, trials_table, utc
from studies.text import one_line

TRIALS = "trials.parquet"
EPOCHS = "epochs.parquet"
KEY = b"spikefront"
MAX_CELLS, MAX_BYTES = 10**9, 2**34
"""Limits for one uncompressed file; 10,000 trials of 300 epochs need a thirtieth of that."""

_MOST_NAMED = 8

Read = TypeVar("Read")


def write_study(study: Study, folder: str | Path) -> None:
    """Write both files of the record into `folder`, each whole or not at all; `read_study` gives it back.

    A null cell means absent. Two things change: a metric that is an int in one trial and a float in another
    becomes a float in both, and times are converted to UTC.

    Raises:
        StudyError: a value that Parquet cannot hold: a time without a time zone, a metric that is a text.
        OSError: the folder cannot be written.
    """
    both = tables(study)
    for name in (EPOCHS, TRIALS):  # trials.parquet last: where it exists, its epochs do too
        with replacing(Path(folder) / name) as file:
            pq.write_table(both[name][0], file, compression="zstd", write_page_checksum=True)


def tables(study: Study) -> dict[str, tuple[pa.Table, dict[str, Any]]]:
    """By file name: the table with its metadata, and the contents of that metadata.

    Raises:
        StudyError: a value that Parquet cannot hold.
    """
    trials, hints = trials_table(study)
    about = _about(study.info) | hints
    text = to_json(about, "the study's info").encode()
    return {
        name: (table.replace_schema_metadata({KEY: text}), about)
        for name, table in ((EPOCHS, epochs_table(study)), (TRIALS, trials))
    }


def read_study(folder: str | Path) -> Study:
    """The study recorded in `folder`, exactly as it was written.

    Raises:
        StudyError: a file is missing, cut short, damaged, from another program, or from a newer version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such folder; a study lies in runs/NAME")
    about, trials = _read(folder / TRIALS)
    _, epochs = _read(folder / EPOCHS)
    return Study(
        info=_checked(folder / TRIALS, lambda: _info(about)),
        trials=_checked(folder / TRIALS, lambda: trials_of(trials, about)),
        epochs=_checked(folder / EPOCHS, lambda: epochs_of(epochs)),
    )


def _read(path: Path) -> tuple[dict[str, Any], pa.Table]:
    """Metadata and table of one file, after every check that needs no row."""
    if not path.is_file():
        inside = _studies_in(path.parent)
        if inside:
            names = ", ".join([*inside[:_MOST_NAMED], *(["..."] if len(inside) > _MOST_NAMED else [])])
            example = path.parent / inside[0]
            raise StudyError(f"{path.parent}: holds studies: {names}; name one of them, such as {example}")
        raise _damaged(path, "missing")
    table = _checked(path, lambda: _table(path), "not a whole Parquet file")
    metadata = table.schema.metadata or {}
    if KEY not in metadata:
        raise _damaged(path, "a Parquet file, but not one of a SpikeFront study")
    about = _checked(path, lambda: parse_json(metadata[KEY], "metadata"))
    version = about.get("schema_version")
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise StudyError(
            f"{path}: schema_version {cut(repr(version))}, this SpikeFront reads up to {SCHEMA_VERSION}; "
            "install the SpikeFront that wrote it, or a newer one"
        )
    return about, table


def _table(path: Path) -> pa.Table:
    """The rows of a file within the limits: a few compressed bytes can stand for billions of rows.

    Raises:
        ValueError: the file is beyond `MAX_CELLS` or `MAX_BYTES`.
    """
    # ParquetFile, not read_table: that one takes a folder named lr=0.1 for a partition column.
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        n_cells = sum(group.num_rows for group in groups) * file.metadata.num_columns
        n_bytes = sum(group.total_byte_size for group in groups)
        if not (0 <= n_cells <= MAX_CELLS and 0 <= n_bytes <= MAX_BYTES):
            raise ValueError(f"{n_cells} cells of {n_bytes} bytes, which no study has")
        return file.read()


def _studies_in(folder: Path) -> list[str]:
    """The folders in a folder that hold a record, by name; none where the folder cannot be read."""
    try:
        return sorted(one_line(inner.name) for inner in folder.iterdir() if (inner / TRIALS).is_file())
    except OSError:
        return []


def _checked(path: Path, read: Callable[[], Read], what: str = "damaged") -> Read:
    """The result of `read`; any exception becomes a StudyError that says the file is damaged, and how."""
    try:
        return read()
    except Exception as error:
        reason = one_line(str(error), 200) if isinstance(error, ValueError) else fault(error)
        raise _damaged(path, f"{what}: {reason}") from error


def _damaged(path: Path, why: str) -> StudyError:
    command = f"python -m search.record {shlex.quote(str(path.parent))}"
    return StudyError(f"{path}: {why}; `{command}` writes it again from the study's storage")


def _about(info: StudyInfo) -> dict[str, Any]:
    started, finished = utc(info.started_at, "started_at"), utc(info.finished_at, "finished_at")
    return {
        "schema_version": SCHEMA_VERSION,
        "name": info.name,
        "space": info.space,
        "objectives": [asdict(objective) for objective in info.objectives],
        "machine": info.machine,
        "versions": info.versions,
        "started_at": started.isoformat() if started else None,
        "finished_at": finished.isoformat() if finished else None,
        "runs": [_run_as_json(run) for run in info.runs],
    }


def _run_as_json(run: StudyRun) -> dict[str, Any]:
    started = utc(run.started_at, "started_at of a run")
    return {
        "started_at": started.isoformat() if started else None,
        "machine": run.machine,
        "versions": run.versions,
    }


def _info(about: Mapping[str, Any]) -> StudyInfo:
    """The inverse of `_about`.

    Raises:
        ValueError: a field is missing or has a wrong type.
    """
    checked(_INFO, {name: about[name] for name in _FIELDS if name in about})
    runs = [
        StudyRun(_time(run["started_at"]), run["machine"], run["versions"]) for run in about.get("runs", [])
    ]
    return StudyInfo(
        name=about["name"],
        space=about["space"],
        objectives=tuple(Objective(**objective) for objective in about["objectives"]),
        machine=about["machine"],
        versions=about["versions"],
        started_at=_time(about["started_at"]),
        finished_at=_time(about["finished_at"]),
        runs=tuple(runs),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


_INFO = TypeAdapter(StudyInfo)
_FIELDS = [field.name for field in fields(StudyInfo)]
