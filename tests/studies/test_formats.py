from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.formats import FORMATS, converted, harmless
from studies.model import EpochRow, Study, Trial
from studies.record import TRIALS, read_study, tables, write_study
from studies.show import main
from studies.tables import trials_of
from tests.studies.make import REPEATABLE, exact, make_epoch, make_study, make_trial
from tests.studies.test_record import studies

FEW = settings(REPEATABLE, max_examples=50)

NAN, INF = float("nan"), float("inf")
FORMULAS = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "'"]


def untold(text: str | None) -> str | None:
    """The rule of the page for text cells."""
    return text[1:] if text and text.startswith("'") else text


def read_csv(content: bytes, wanted: pa.Schema) -> pa.Table:
    """What an independent reader of CSV gets, lists and apostrophes undone."""
    types = {field.name: pa.string() if pa.types.is_list(field.type) else field.type for field in wanted}
    found = pyarrow.csv.read_csv(
        io.BytesIO(content),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    columns = []
    for field in wanted:
        cells = found.column(field.name).to_pylist()
        if pa.types.is_list(field.type):
            cells = [None if cell is None else [float(one) for one in json.loads(cell)] for cell in cells]
        elif pa.types.is_string(field.type):
            cells = [untold(cell) for cell in cells]
        columns.append(pa.array(cells, field.type))
    return pa.table(columns, schema=wanted)


@FEW
@given(studies)
def test_a_csv_gives_the_trials_back(study: Study) -> None:
    table, hints = tables(study)[TRIALS]
    expected = trials_of(table, hints)
    assert exact(trials_of(read_csv(converted(study, "trials", "csv"), table.schema), hints)) == exact(
        expected
    )


@FEW
@given(studies)
def test_every_csv_opens_in_a_plain_reader_without_a_formula(study: Study) -> None:
    text = converted(study, "trials", "csv").decode()
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert len(rows) == len(study.trials)
    for name, cells in zip(head, zip(*rows, strict=True), strict=False):
        for cell in cells:
            is_number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-inf", cell)
            assert is_number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), (name, cell)


def number_of(cell: Any) -> Any:
    """The rule of the page for cells of columns that hold numbers."""
    words = {"NaN": NAN, "Infinity": INF, "-Infinity": -INF}
    if isinstance(cell, list):
        return [float(number_of(one)) for one in cell]
    return words.get(cell, cell) if isinstance(cell, str) else cell


def without_odd_numbers(value: Any) -> Any:
    """NaN and infinities in params and configs become texts, which no reader can tell from the same texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: without_odd_numbers(inner) for key, inner in value.items()}
    return [without_odd_numbers(one) for one in value] if isinstance(value, list) else value


def trial_of(record: dict[str, Any]) -> Trial:
    def group(prefix: str) -> dict[str, Any]:
        return {name[len(prefix) :]: cell for name, cell in record.items() if name.startswith(prefix)}

    def numbers(prefix: str) -> dict[str, Any]:
        return {name: number_of(cell) for name, cell in group(prefix).items()}

    plain = {field.name: record[field.name] for field in fields(Trial) if field.name in record}
    for name in ("started_at", "finished_at"):
        plain[name] = plain[name] and datetime.fromisoformat(plain[name])
    return Trial(
        **plain,
        params=group("param."),
        values=numbers("value."),
        constraints=numbers("constraint."),
        metrics=numbers("metric."),
    )


@FEW
@given(studies)
def test_json_gives_the_study_back(study: Study) -> None:
    trials = tuple(
        replace(
            trial, params=without_odd_numbers(trial.params), config=without_odd_numbers(dict(trial.config))
        )
        for trial in study.trials
    )
    study = replace(study, trials=trials)

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    def parsed(content: bytes) -> Any:
        return json.loads(content, parse_constant=refuse)

    table, hints = tables(study)[TRIALS]
    assert exact([trial_of(one) for one in parsed(converted(study, "trials", "json"))]) == exact(
        list(trials_of(table, hints))
    )
    rows = [
        EpochRow(**{name: number_of(cell) for name, cell in one.items()})
        for one in parsed(converted(study, "epochs", "json"))
    ]
    lists = ("reliable_share", "firing_rate")
    rows = [replace(row, **{name: tuple(getattr(row, name)) for name in lists}) for row in rows]
    assert exact(rows) == exact(list(study.epochs))


def test_parquet_is_the_record_itself(tmp_path: Path) -> None:
    study = make_replicated()
    write_study(study, tmp_path)
    for what in ("trials", "epochs"):
        kept = (tmp_path / f"{what}.parquet").read_bytes()
        assert converted(study, what, "parquet") == kept


@given(st.text())
@REPEATABLE
def test_texts_come_back_from_harmless_cells(text: str) -> None:
    assert untold(harmless(text)) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_stands_behind_an_apostrophe(text: str) -> None:
    trial = make_trial(0, (90.0, 1.0, 1.0), params={"note": text}, reason=text)
    rows = list(
        csv.DictReader(io.StringIO(converted(make_study([trial]), "trials", "csv").decode(), newline=""))
    )
    assert rows[0]["param.note"] == rows[0]["reason"] == "'" + text


@pytest.mark.parametrize("text", ["-1", "+0.5", "-1e-3", "a=b", "", "1-2"])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


def make_replicated() -> Study:
    trials = [make_trial(0, (90.0, 9.0, -1.5)), make_trial(1, (80.0, 10.0, NAN)), make_trial(2)]
    again = make_trial(3, (91.0, 9.0, 1.5), replicate_of=0, seed=4)
    return make_study([*trials, again], epochs=[make_epoch(0, 1), make_epoch(3, 1)])


def test_pandas_reads_csv_and_json_with_replicates_and_numbers_as_numbers() -> None:
    study = make_replicated()
    frame = pd.read_csv(io.BytesIO(converted(study, "trials", "csv")))
    assert frame["value.latency_ms"].tolist()[::3] == [-1.5, 1.5]
    assert frame["replicate_of"].fillna(-1).tolist() == [-1, -1, -1, 0]
    frame = pd.read_json(io.BytesIO(converted(study, "trials", "json")))
    assert frame["value.val_accuracy"].tolist()[:2] == [90.0, 80.0]
    assert frame["config"][0] == study.trials[0].config
    frame = pd.read_json(io.BytesIO(converted(study, "epochs", "json")))
    assert frame["number"].tolist() == [0, 3]


def test_the_front_is_the_front_in_every_format() -> None:
    study = make_replicated()
    numbers = {
        "csv": pd.read_csv(io.BytesIO(converted(study, "front", "csv")))["number"].tolist(),
        "json": [one["number"] for one in json.loads(converted(study, "front", "json"))],
        "parquet": pd.read_parquet(io.BytesIO(converted(study, "front", "parquet")))["number"].tolist(),
    }
    assert numbers == {form: [0] for form in FORMATS}
    for form in FORMATS:
        assert converted(make_study([]), "front", form)


def test_show_writes_a_file_or_prints(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    study = make_replicated()
    write_study(study, tmp_path / "run")
    out = tmp_path / "made" / "trials.parquet"
    assert main([str(tmp_path / "run"), "--format", "parquet", "--out", str(out)]) == 0
    assert pq.read_table(out).num_rows == 4
    capfdbinary.readouterr()
    assert main([str(tmp_path / "run"), "--format", "csv", "--what", "epochs"]) == 0
    assert capfdbinary.readouterr().out == converted(study, "epochs", "csv")
    assert exact(read_study(tmp_path / "run")) == exact(study)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "parquet"], "--format parquet needs --out FILE"),
        (["--what", "epochs"], "--what and --out go with --format"),
        (["--out", "x.csv"], "--what and --out go with --format"),
        (["--format", "xls"], "invalid choice: 'xls'"),
    ],
)
def test_options_that_say_nothing_are_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path), *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert main([str(tmp_path / "none"), "--format", "csv"]) == 2
