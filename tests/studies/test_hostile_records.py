"""Parquet files that may hold anything: one block that names the file and the command that makes it again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from studies.errors import StudyError
from studies.record import read_study, write_study
from studies.show import main
from tests.studies.make import make_study, make_trial

FILES = ("trials.parquet", "epochs.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_study(
        make_study([make_trial(0, (90.0, 1.0, 2.0)), make_trial(1, (91.0, 2.0, 2.0))]), tmp_path / "run"
    )
    return tmp_path / "run"


def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(StudyError, match=r".") as caught:
        read_study(folder)
    assert main([str(folder)]) == 2
    told = capsys.readouterr().err
    assert told == f"error: {caught.value}\n"
    assert len(told) < 1000
    assert "\n" not in told[:-1]
    return told


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.ParquetFile(path).read()), path)


def set_column(
    name: str, cells: list[Any], kind: pa.DataType | None = None
) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, pa.array(cells, kind))

    return change


CHANGES = {
    "no rows of ours": lambda table: pa.table({"a": [1]}).replace_schema_metadata(table.schema.metadata),
    "no columns": lambda table: table.select([]),
    "numbers as text": set_column("number", ["0", "1"]),
    "numbers as floats": set_column("number", [0.0, 1.5]),
    "no number": set_column("number", [0, None]),
    "a state that is none": set_column("state", ["complete", "gone"]),
    "states as numbers": set_column("state", [1, 2]),
    "configs as numbers": set_column("config", [1, 2]),
    "configs that are no JSON": set_column("config", ["{}", "{"]),
    "configs that are lists": set_column("config", ["{}", "[1]"]),
    "configs of brackets": set_column("config", ["{}", "[" * 100_000]),
    "no config": set_column("config", ["{}", None]),
    "values as text": set_column("value.val_accuracy", ["x", "y"]),
    "values as lists": set_column("value.val_accuracy", [[1.0], [2.0]]),
    "metrics as text": set_column("metric.latency_ms", ["x", "y"]),
    "metrics with holes": set_column("metric.latency_ms", [[1.0], [None]], pa.list_(pa.float64())),
    "metrics as structures": set_column("metric.latency_ms", [{"a": 1}, {"a": 2}]),
    "times as numbers": set_column("started_at", [1, 2]),
    "seeds as text": set_column("seed", ["x", "y"]),
    "no seed": set_column("seed", [None, None], pa.int64()),
    "bytes for a device": set_column("device", [b"\xff", b"\xfe"]),
    "a column twice": lambda table: table.append_column("number", pa.array([5, 6])),
    "no metadata": lambda table: table.replace_schema_metadata({}),
    "metadata of another": lambda table: table.replace_schema_metadata({"spikefront": "x"}),
    "metadata of bytes": lambda table: table.replace_schema_metadata({"spikefront": b"\xff\xfe"}),
    "metadata of brackets": lambda table: table.replace_schema_metadata({"spikefront": "[" * 100_000}),
    "metadata of digits": lambda table: table.replace_schema_metadata({"spikefront": "9" * 5000}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_trials_that_are_none_of_ours(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(folder / "trials.parquet", CHANGES[name])
    told = refused(folder, capsys)
    assert "trials.parquet: " in told
    assert "python -m search.record" in told


@pytest.mark.parametrize(
    "values",
    [
        {"schema_version": 2},
        {"schema_version": 0},
        {"schema_version": "1"},
        {"schema_version": 10**30},
        {"name": 3},
        {"space": []},
        {"objectives": 3},
        {"objectives": [[]]},
        {"machine": 1},
        {"versions": {"a": []}},
        {"objectives": [{"name": "a", "direction": "up"}]},
        {"started_at": 5},
        {"started_at": "soon"},
        {"runs": 1},
        {"runs": [1]},
        {"runs": [{}]},
        {"json_params": 3},
        {"json_params": ["none"]},
        {"null_values": {"none": [1]}},
        {"null_values": {"val_accuracy": [10**6]}},
        {"null_values": 1},
    ],
    ids=str,
)
def test_metadata_that_cannot_be(
    values: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(table: pa.Table) -> pa.Table:
        about = json.loads(table.schema.metadata[b"spikefront"]) | values
        return table.replace_schema_metadata({"spikefront": json.dumps(about)})

    rewrite(folder / "trials.parquet", change)
    assert "trials.parquet: " in refused(folder, capsys)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_or_changed(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, draw = (folder / name).read_bytes(), random.Random(0)
    for length in [0, 1, 4, *(draw.randrange(len(whole)) for _ in range(10)), len(whole) - 1]:
        (folder / name).write_bytes(whole[:length])
        assert f"{name}: not a whole Parquet file" in refused(folder, capsys)
    for _ in range(40):
        changed = bytearray(whole)
        for _ in range(draw.randrange(1, 20)):
            changed[draw.randrange(len(whole))] = draw.randrange(256)
        (folder / name).write_bytes(changed)
        assert main([str(folder)]) in (0, 2)
        told = capsys.readouterr().err
        assert "fault of SpikeFront" not in told


def test_a_few_bytes_that_stand_for_endless_rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metadata = pq.read_schema(folder / "epochs.parquet").metadata
    rows = 2**27
    nulls = pa.chunked_array([pa.nulls(2**20, pa.int64())] * (rows // 2**20))
    table = pa.table(dict.fromkeys("abcdefgh", nulls)).replace_schema_metadata(metadata)
    pq.write_table(table, folder / "epochs.parquet")
    assert (folder / "epochs.parquet").stat().st_size < 2**22
    assert "which no study has" in refused(folder, capsys)


def test_an_epoch_with_a_hole_in_its_rates(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holes = pa.array([[None]], pa.list_(pa.float64()))
    table = pq.read_table(folder / "epochs.parquet")
    row = pa.table([holes if name == "firing_rate" else pa.array([0], kind) if pa.types.is_integer(kind)
                    else pa.array([[]], kind) if pa.types.is_list(kind) else pa.array([1.0], kind)
                    for name, kind in zip(table.schema.names, table.schema.types, strict=True)],
                   schema=table.schema)  # fmt: skip
    pq.write_table(row, folder / "epochs.parquet")
    assert "column firing_rate has lists with empty places" in refused(folder, capsys)
