"""The record in formats that other tools read: CSV, JSON and Parquet; replicates included.

Columns are those of trials.parquet and epochs.parquet. CSV: lists are JSON; an empty cell is null, `""` an
empty text. JSON: one record for each row, without the fields that a trial does not have.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from studies.model import Study
from studies.pareto import front
from studies.record import EPOCHS, TRIALS, tables

What = Literal["trials", "epochs", "front"]
Format = Literal["csv", "json", "parquet"]
WHATS: tuple[What, ...] = get_args(What)
FORMATS: tuple[Format, ...] = get_args(Format)

_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Characters with which a formula begins in spreadsheets, full-width forms included."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_OPTIONAL = ("param.", "value.", "constraint.", "metric.")


def converted(study: Study, what: What, form: Format) -> bytes:
    """The trials, the epochs, or the trials of the front of a study in one format.

    Raises:
        StudyError: a value that Parquet cannot hold.
    """
    if what == "front":
        study = replace(study, trials=tuple(front(study)))
    table, about = tables(study)[EPOCHS if what == "epochs" else TRIALS]
    writers: Mapping[Format, Callable[[], bytes]] = {
        "csv": lambda: _csv(table),
        "json": lambda: _json(table, about),
        "parquet": lambda: _parquet(table),
    }
    return writers[form]()


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet evaluates.

    A text that begins like a formula, but is not a number, gets an apostrophe in front, and so does one that
    begins with an apostrophe: removing one apostrophe from each cell that begins with one restores all texts.
    """
    is_formula = text.startswith(_RUNS) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula or text.startswith("'") else text


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd", write_page_checksum=True)
    return file.getvalue()


def _csv(table: pa.Table) -> bytes:
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_list(column.type):
            cells = [None if cell is None else _strict(cell) for cell in column.to_pylist()]
            columns[name] = pa.array(cells, pa.string())
        elif pa.types.is_string(column.type):
            cells = [cell and harmless(cell) for cell in column.to_pylist()]
            columns[name] = pa.array(cells, pa.string())
        else:
            columns[name] = column
    file = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns), file)
    return file.getvalue()


def _json(table: pa.Table, hints: Mapping[str, Any]) -> bytes:
    """A list with one record in each line; optional fields are left out where a row does not have them."""
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    texts = {"config", *(f"param.{name}" for name in hints["json_params"])}
    nulls = {f"value.{name}": set(rows) for name, rows in hints["null_values"].items()}
    lines = []
    for row in range(table.num_rows):
        record = {}
        for name, cells in columns.items():
            cell = cells[row]
            is_optional = name.startswith(_OPTIONAL)
            if cell is None and is_optional and row not in nulls.get(name, ()):
                continue
            record[name] = json.loads(cell) if cell is not None and name in texts else cell
        lines.append(_strict(record))
    return ("[" + ",\n ".join(lines) + "]\n").encode()


def _strict(value: Any) -> str:
    """JSON that every reader takes: NaN and the infinities as texts, times as ISO 8601."""
    return json.dumps(_plain(value), allow_nan=False, default=lambda time: time.isoformat())


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
