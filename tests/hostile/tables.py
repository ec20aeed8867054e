"""Parquet files and databases that are whole, and hold other columns, types or values than ours."""

from __future__ import annotations

import io
import json
import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.hostile import raw
from tests.hostile.trees import Raw, change_tree, json_text
from tests.hostile.values import JSON_VALUES, integer, json_value


def mutate_parquet(rng: Random, content: bytes) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if rng.random() < 0.15:
        return raw.mutate(rng, content)
    table = pq.ParquetFile(io.BytesIO(content)).read()
    for _ in range(rng.choice((1, 1, 1, 2))):
        try:
            table = _changed(rng, table)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            continue  # a change that Arrow itself refuses
    written = io.BytesIO()
    try:
        pq.write_table(table, written)
    except (pa.ArrowException, ValueError):
        return raw.mutate(rng, content)
    return written.getvalue()


def _changed(rng: Random, table: Any) -> Any:
    import pyarrow as pa

    kind = rng.choice(
        ("cells", "cells", "cells", "type", "drop", "rename", "twice", "about", "about", "rows")
    )
    if kind == "about":
        return _with_other_metadata(rng, table)
    if kind == "rows":
        return rng.choice(
            (table.slice(0, 0), table.slice(1), pa.concat_tables([table, table]), table.slice(0, 1))
        )
    at = rng.randrange(table.num_columns)
    name = table.column_names[at]
    if kind == "drop":
        return table.remove_column(at)
    if kind == "rename":
        others = ("x", "", "value.", "param.", "metric.\0", f"metric.{'x' * 3000}", table.column_names[0])
        return table.set_column(at, rng.choice(others), table.column(at))
    if kind == "twice":
        return table.append_column(name, table.column(rng.randrange(table.num_columns)))
    if kind == "type":
        return table.set_column(at, name, _of_another_type(rng, table.num_rows))
    return table.set_column(at, name, _with_other_cells(rng, table.column(at)))


def _of_another_type(rng: Random, n: int) -> Any:
    import pyarrow as pa

    kinds: list[tuple[Any, Any]] = [
        (None, pa.null()),
        (integer(rng) % 2**63, pa.int64()),
        (2**64 - 1, pa.uint64()),
        (float("nan"), pa.float64()),
        (float("inf"), pa.float64()),
        (True, pa.bool_()),
        ("x", pa.string()),
        ("x", pa.large_string()),
        (b"\xff\0", pa.binary()),
        ([1.5], pa.list_(pa.float64())),
        (["x"], pa.list_(pa.string())),
        ([None], pa.list_(pa.float64())),
        ({"a": 1}, pa.struct([("a", pa.int64())])),
        ([("a", 1)], pa.map_(pa.string(), pa.int64())),
        (timedelta(days=99_999), pa.duration("us")),
        (integer(rng) % 2**63, pa.timestamp("us")),
        (integer(rng) % 2**63, pa.timestamp("ns", tz="UTC")),
        (2**31 - 1, pa.date32()),
        (1, pa.decimal128(38, 10)),
        (1, pa.time64("us")),
    ]
    value, kind = rng.choice(kinds)
    cells = [value if rng.random() < 0.8 else None for _ in range(n)]
    return pa.array(cells, kind)


def _with_other_cells(rng: Random, column: Any) -> Any:
    """The same type, and one or all cells changed."""
    import pyarrow as pa

    cells = column.to_pylist()
    for row in range(len(cells)) if rng.random() < 0.3 else [rng.randrange(max(1, len(cells)))]:
        if row >= len(cells):
            break
        cells[row] = _cell(rng, column.type, cells[row])
    return pa.array(cells, column.type)


def _cell(rng: Random, kind: Any, cell: Any) -> Any:
    import pyarrow as pa

    if rng.random() < 0.2:
        return None
    if pa.types.is_string(kind):
        if isinstance(cell, str) and cell[:1] in ("{", "[") and rng.random() < 0.7:
            return (
                json_text(change_tree(rng, json.loads(cell), json_value)).encode("utf-8", "replace").decode()
            )
        return rng.choice(("", "x", "\0", "complete", "running", "z" * 5000, "\x1b[2J", *JSON_VALUES[:40]))
    if pa.types.is_floating(kind):
        return rng.choice((float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e308, 5e-324, 1e30))
    if pa.types.is_integer(kind):
        return integer(rng) if rng.random() < 0.5 else rng.choice((0, -1, 1, 7))
    if pa.types.is_list(kind):
        return rng.choice(([], [None], [float("nan")] * 3, [1e308] * 2000))
    if pa.types.is_timestamp(kind):
        return integer(rng)
    return cell


def _with_other_metadata(rng: Random, table: Any) -> Any:
    metadata = dict(table.schema.metadata or {})
    for key, value in metadata.items():
        if key == b"spikefront":
            tree = change_tree(rng, json.loads(value), json_value)
            text = str(tree) if isinstance(tree, Raw) else json_text(tree)
            metadata[key] = text.encode("utf-8", "replace")
    if rng.random() < 0.05:
        metadata = {}
    return table.replace_schema_metadata(metadata)


SQL_VALUES: tuple[Any, ...] = (
    *(None, 0, -1, 2**63 - 1, 1e308, float("inf"), "", "x", "\0", b"\xff\0", "9" * 400, "2020-13-45"),
    *("COMPLETE", "RUNNING", "WAITING", "MAXIMIZE", "{}", "[]", "null", '"x"', "NaN", "[" * 2000),
)


def mutate_sqlite(rng: Random, content: bytes) -> bytes:
    """A database with a table, a cell or its version changed."""
    if rng.random() < 0.15:
        return raw.mutate(rng, content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        path.write_bytes(content)
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            for _ in range(rng.choice((1, 1, 2))):
                _change_database(rng, connection)
        finally:
            connection.close()
        return path.read_bytes()


def _change_database(rng: Random, connection: sqlite3.Connection) -> None:
    connection.text_factory = bytes
    tables = [
        row[0].decode() for row in connection.execute("select name from sqlite_master where type = 'table'")
    ]
    if not tables:
        return
    table = rng.choice(tables)
    columns = [row[1].decode() for row in connection.execute(f'pragma table_info("{table}")')]
    column = rng.choice(columns)
    kind = rng.choice(("cell", "cell", "cell", "cell", "json", "json", "drop", "empty", "column", "version"))
    try:
        if kind == "drop":
            connection.execute(f'drop table "{table}"')
        elif kind == "empty":
            connection.execute(f'delete from "{table}"')
        elif kind == "column":
            connection.execute(f'alter table "{table}" rename column "{column}" to "y"')
        elif kind == "version":
            connection.execute(*_older(rng))
        elif kind == "json":
            _change_json(rng, connection)
        else:
            row = " where rowid = 1" if rng.random() < 0.5 else ""
            connection.execute(f'update "{table}" set "{column}" = ?{row}', (rng.choice(SQL_VALUES),))
    except (sqlite3.Error, OverflowError):
        pass  # a change that SQLite itself refuses


def _older(rng: Random) -> tuple[str, tuple[Any, ...]]:
    """As another version of Optuna left it."""
    return rng.choice(
        (
            (
                "update alembic_version set version_num = ?",
                (rng.choice(("v2.6.0.a", "v1.3.0.a", "v9.9.9", "x")),),
            ),
            ("update version_info set library_version = ?", (rng.choice(("2.10.1", "99.0.0", "x", None)),)),
            ("update version_info set schema_version = ?", (rng.choice((0, 1, 11, 13, 99, -1)),)),
            ("drop table alembic_version", ()),
        )
    )


def _change_json(rng: Random, connection: sqlite3.Connection) -> None:
    table = rng.choice(("study_user_attributes", "trial_user_attributes", "trial_system_attributes"))
    rows = connection.execute(f"select rowid, value_json from {table}").fetchall()
    if rows:
        row, value = rng.choice(rows)
        tree = change_tree(rng, json.loads(value), json_value)
        text = str(tree) if isinstance(tree, Raw) else json_text(tree)
        changed = text.encode("utf-8", "replace").decode()
        connection.execute(f"update {table} set value_json = ? where rowid = ?", (changed, row))
