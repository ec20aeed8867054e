"""Converts trials and epochs to Arrow tables and back; `studies.record` writes them to files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spikefront.json_file import parse_json
from studies.columns import ABSENT, FLOATS, array, metric_array, param_array, to_json, union
from studies.errors import StudyError
from studies.model import SCHEMA_VERSION, STATES, EpochRow, Study, Trial

_TIME = pa.timestamp("us", tz="UTC")
_HEAD = {"number": pa.int64(), "state": pa.string(), "reason": pa.string()}
_TAIL = {
    "epochs_trained": pa.int64(),
    "seed": pa.int64(),
    "replicate_of": pa.int64(),
    "attempts": pa.int64(),
    "started_at": _TIME,
    "finished_at": _TIME,
    "worker": pa.string(),
    "node": pa.string(),
    "device": pa.string(),
}
_MAY_BE_NULL = frozenset({"reason", "replicate_of", "started_at", "finished_at", "worker", "node", "device"})
_NUMBERS = (pa.float64(), pa.int64(), pa.bool_())
_KINDS = {
    "param": (*_NUMBERS, pa.string(), pa.null()),
    "value": (pa.float64(),),
    "constraint": (pa.float64(),),
    "metric": (*_NUMBERS, FLOATS, pa.null()),
}
_EPOCH = {
    field.name: {"int": pa.int64(), "float": pa.float64()}.get(str(field.type), FLOATS)
    for field in fields(EpochRow)
}


def trials_table(study: Study) -> tuple[pa.Table, dict[str, Any]]:
    """One row for each trial, and the hints that `trials_of` needs besides, as plain JSON values.

    Hints: `json_params`, the params whose cells are JSON texts; `null_values`, per objective the rows
    whose value is None rather than absent (both are a null cell).

    Raises:
        StudyError: a value that Parquet cannot hold.
    """
    trials = study.trials
    hints: dict[str, Any] = {"json_params": [], "null_values": {}}
    columns = {name: _field(trials, name, kind) for name, kind in _HEAD.items()}
    for name, cells in union([trial.params for trial in trials]).items():
        columns[f"param.{name}"], is_json = param_array(f"param.{name}", cells)
        if is_json:
            hints["json_params"].append(name)
    configs = [to_json(trial.config, f"config of trial {trial.number}") for trial in trials]
    columns["config"] = array("config", configs, pa.string())
    untold = {objective.name: [ABSENT] * len(trials) for objective in study.info.objectives}
    for name, cells in (untold | union([trial.values for trial in trials])).items():
        columns[f"value.{name}"] = _numbers(f"value.{name}", cells)
        rows = [row for row, cell in enumerate(cells) if cell is None]
        if rows:
            hints["null_values"][name] = rows
    for name, cells in union([trial.constraints for trial in trials]).items():
        columns[f"constraint.{name}"] = _numbers(f"constraint.{name}", cells)
    for name, cells in union([trial.metrics for trial in trials]).items():
        columns[f"metric.{name}"] = metric_array(f"metric.{name}", cells)
    columns |= {name: _field(trials, name, kind) for name, kind in _TAIL.items()}
    columns["schema_version"] = pa.array([SCHEMA_VERSION] * len(trials), pa.int64())
    return pa.table(columns), hints


def trials_of(table: pa.Table, hints: Mapping[str, Any]) -> tuple[Trial, ...]:
    """The trials of a `trials_table`, in its order.

    Raises:
        ValueError: a column is missing, has a wrong type, or holds an invalid value.
        KeyError, TypeError: the hints do not belong to this table.
    """
    _require_columns(table, _HEAD | {"config": pa.string()} | _TAIL, _MAY_BE_NULL)
    for name in table.column_names:
        kinds = _KINDS.get(name.partition(".")[0]) if "." in name else None
        if kinds is not None and table.schema.field(name).type not in kinds:
            raise ValueError(f"column {name} is {table.schema.field(name).type}")
        _require_full_lists(table, name)
    params, values, constraints, metrics = (
        _group(table, prefix) for prefix in ("param.", "value.", "constraint.", "metric.")
    )
    for name in hints["json_params"]:
        params[name] = [cell if cell is ABSENT else json.loads(cell) for cell in params[name]]
    for name, rows in hints["null_values"].items():
        for row in rows:
            values[name][row] = None
    plain = {name: table.column(name).to_pylist() for name in (_HEAD | _TAIL)}
    for name in ("started_at", "finished_at"):
        plain[name] = [time and time.astimezone(UTC) for time in plain[name]]
    unknown = set(plain["state"]) - set(STATES)
    if unknown:
        raise ValueError(f"unknown state: {sorted(unknown)[0]}")
    configs = [_config(text) for text in table.column("config").to_pylist()]
    return tuple(
        Trial(
            config=configs[row],
            params=_present(params, row),
            values=_present(values, row),
            constraints=_present(constraints, row),
            metrics=_present(metrics, row),
            **{name: cells[row] for name, cells in plain.items()},
        )
        for row in range(table.num_rows)
    )


def epochs_table(study: Study) -> pa.Table:
    """One row for each epoch.

    Raises:
        StudyError: a value does not have its column's type.
    """
    return pa.table({name: _field(study.epochs, name, kind) for name, kind in _EPOCH.items()})


def epochs_of(table: pa.Table) -> tuple[EpochRow, ...]:
    """The epochs of an `epochs_table`, in its order.

    Raises:
        ValueError: a column is missing, of another type, or has an empty cell.
    """
    _require_columns(table, _EPOCH, frozenset())
    columns = []
    for name, kind in _EPOCH.items():
        cells = table.column(name).to_pylist()
        columns.append([tuple(cell) for cell in cells] if kind == FLOATS else cells)
    return tuple(EpochRow(*cells) for cells in zip(*columns, strict=True))


def _require_columns(table: pa.Table, kinds: Mapping[str, pa.DataType], may_be_null: Set[str]) -> None:
    for name, kind in kinds.items():
        if table.column_names.count(name) != 1:
            raise ValueError(f"{table.column_names.count(name)} columns {name}, should be one")
        actual = table.schema.field(name).type
        if actual != kind:
            raise ValueError(f"column {name} is {actual}, should be {kind}")
        if table.column(name).null_count and name not in may_be_null:
            raise ValueError(f"column {name} has empty cells")
        _require_full_lists(table, name)


def _require_full_lists(table: pa.Table, name: str) -> None:
    if pa.types.is_list(table.schema.field(name).type) and pc.list_flatten(table.column(name)).null_count:
        raise ValueError(f"column {name} has lists with empty places")


def _config(text: str) -> dict[str, Any]:
    return parse_json(text, "config")


def utc(time: datetime | None, what: str) -> datetime | None:
    """The same instant in UTC.

    Raises:
        StudyError: the time has no time zone; `what` names it.
    """
    if time is not None and time.tzinfo is None:
        raise StudyError(f"{what} has no time zone: {time}")
    return time and time.astimezone(UTC)


def _field(rows: Sequence[Any], name: str, kind: pa.DataType) -> pa.Array:
    cells = [getattr(row, name) for row in rows]
    if kind == _TIME:
        cells = [utc(cell, f"trial {row.number}: {name}") for row, cell in zip(rows, cells, strict=True)]
    if kind == pa.string():
        # The text of an exception may not be valid UTF-8; a lost letter is better than no record.
        cells = [cell and cell.encode("utf-8", "replace").decode("utf-8") for cell in cells]
    return array(name, cells, kind)


def _numbers(name: str, cells: Sequence[Any]) -> pa.Array:
    return array(name, [None if cell is ABSENT else cell for cell in cells], pa.float64())


def _group(table: pa.Table, prefix: str) -> dict[str, list[Any]]:
    """The columns with one prefix, without it; a null cell is ABSENT."""
    group = {}
    for name in table.column_names:
        if name.startswith(prefix):
            cells = table.column(name).to_pylist()
            group[name.removeprefix(prefix)] = [ABSENT if cell is None else cell for cell in cells]
    return group


def _present(columns: Mapping[str, list[Any]], row: int) -> dict[str, Any]:
    return {name: cells[row] for name, cells in columns.items() if cells[row] is not ABSENT}
