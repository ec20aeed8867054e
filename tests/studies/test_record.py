from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.errors import StudyError
from studies.model import EpochRow, Objective, Study, StudyInfo, Trial
from studies.record import read_study, write_study
from tests.studies.make import REPEATABLE, START, exact, make_epoch, make_study, make_trial

COLUMNS = """
    number state reason param.T param.distillation.mode config value.val_accuracy
    value.train_memory_mib value.latency_ms constraint.train_memory_mib metric.val_accuracy
    metric.train_memory_mib metric.latency_ms metric.accuracy_at_t epochs_trained seed replicate_of attempts
    started_at finished_at worker node device schema_version"""


@pytest.fixture
def study() -> Study:
    done = make_trial(0, (97.5, 12.0, 0.5), constraints={"train_memory_mib": -4.0}, worker="w0")
    listed = replace(done, number=1, metrics={**done.metrics, "accuracy_at_t": [80.0, 97.5]})
    failed = make_trial(2, state="failed", reason="RuntimeError: x\ny", replicate_of=0, finished_at=None)
    return make_study([done, listed, failed], epochs=[make_epoch(0, 1), make_epoch(0, 2), make_epoch(1, 1)])


def test_the_round_trip_is_exact_and_columns_are_those_of_the_contract(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path)
    assert exact(read_study(tmp_path)) == exact(study)
    assert pq.read_schema(tmp_path / "trials.parquet").names == COLUMNS.split()
    names = "number epoch lr train_loss train_accuracy val_accuracy seconds ce kd reliable_share firing_rate"
    assert pq.read_schema(tmp_path / "epochs.parquet").names == names.split()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epochs.parquet", "trials.parquet"]


def test_what_only_the_front_was_measured_for_comes_back_with_its_replicates(tmp_path: Path) -> None:
    quiet = {"latency_ms_quiet": 0.4, "latency_ms_quiet_q25": 0.39, "latency_ms_quiet_q75": 0.42}
    first = make_trial(0, (97.5, 12.0, 0.5))
    first = replace(first, metrics={**first.metrics, **quiet, "train_step_ms_quiet": 3.0})
    again = make_trial(2, (97.0, 12.0, 0.5), replicate_of=0, seed=3)
    study = make_study([first, make_trial(1, (90.0, 9.0, 0.4)), again])
    write_study(study, tmp_path)
    assert exact(read_study(tmp_path)) == exact(study)
    frame = pd.read_parquet(tmp_path / "trials.parquet")
    assert frame["metric.latency_ms_quiet"].notna().tolist() == [True, False, False]
    assert frame["replicate_of"].fillna(-1).tolist() == [-1, -1, 0]
    assert frame["seed"].tolist() == [0, 0, 3]


def test_types_are_plain_and_pandas_reads_them(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path)
    schema = pq.read_schema(tmp_path / "trials.parquet")
    assert schema.field("param.T").type == pa.int64()
    assert schema.field("metric.accuracy_at_t").type == pa.list_(pa.float64())
    assert schema.field("started_at").type == pa.timestamp("us", tz="UTC")
    frame = pd.read_parquet(tmp_path / "trials.parquet")
    assert frame["value.latency_ms"].isna().tolist() == [False, False, True]
    assert frame["state"].tolist() == ["complete", "complete", "failed"]
    assert json.loads(frame["config"][0]) == study.trials[0].config
    assert frame["finished_at"][0] == pd.Timestamp(study.trials[0].finished_at)
    assert frame["schema_version"].tolist() == [1, 1, 1]
    about = json.loads(pq.read_schema(tmp_path / "trials.parquet").metadata[b"spikefront"])
    assert about["name"] == "digits"
    assert about["objectives"][0] == {"name": "val_accuracy", "direction": "maximize", "reference": None}


# Every legal study -------------------------------------------------------------------------------

texts = st.text(max_size=8)
floats = st.floats(width=64)
ints = st.integers(-(2**70), 2**70)
params = st.dictionaries(
    st.sampled_from(["T", "optim.lr", "distillation.branches", "x[1]"]),
    st.one_of(st.booleans(), ints, floats, texts, st.none(), st.lists(st.integers(), max_size=2)),
)
times = st.none() | st.datetimes(
    datetime(1990, 1, 1),
    datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)
# One kind a metric: a study that mixes them becomes float64, which has a test of its own.
metrics = st.fixed_dictionaries(
    {},
    optional={
        "n_parameters": st.integers(-(2**63), 2**63 - 1),
        "latency_ms": floats,
        "latency_under_load": st.booleans(),
        "accuracy_at_t": st.lists(floats, max_size=3),
        "latency_ms_quiet": floats,
        "train_step_ms_quiet": floats,
    },
)
trials = st.builds(
    Trial,
    number=st.integers(0, 9999),
    state=st.sampled_from(["complete", "stopped", "infeasible", "failed", "running"]),
    config=st.dictionaries(
        texts, st.recursive(params, lambda inner: st.dictionaries(texts, inner), max_leaves=3)
    ),
    params=params,
    reason=st.none() | texts,
    values=st.dictionaries(st.sampled_from(["val_accuracy", "latency_ms"]), st.none() | floats),
    constraints=st.dictionaries(st.sampled_from(["outcome", "latency_ms"]), floats),
    metrics=metrics,
    epochs_trained=st.integers(0, 300),
    seed=st.integers(0, 2**63 - 1),
    replicate_of=st.none() | st.integers(0, 9),
    started_at=times,
    finished_at=times,
    worker=st.none() | texts,
)
epochs = st.builds(
    EpochRow,
    *[st.integers(0, 99)] * 2,
    *[floats] * 7,
    *[st.lists(floats, max_size=3).map(tuple)] * 2,
)
infos = st.builds(
    StudyInfo,
    name=texts,
    space=st.dictionaries(texts, params),
    objectives=st.sampled_from([(), (Objective("latency_ms", "minimize", 20), Objective("x", "maximize"))]),
    machine=st.just({"cores": 2, "devices": ["cpu"]}),
    versions=st.just({"python": "3.11"}),
    started_at=times,
)
studies = st.builds(
    Study, infos, st.lists(trials, max_size=4).map(tuple), st.lists(epochs, max_size=3).map(tuple)
)


@settings(REPEATABLE, max_examples=60)
@given(study=studies)
def test_every_legal_study_comes_back_exactly(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path)
    assert exact(read_study(tmp_path)) == exact(study)


# Named cases -------------------------------------------------------------------------------------


def test_an_empty_study_keeps_its_info_and_typed_columns(tmp_path: Path) -> None:
    study = make_study([], machine={"cores": 2}, started_at=START)
    write_study(study, tmp_path / "runs" / "new")
    assert read_study(tmp_path / "runs" / "new") == study
    schema = pq.read_schema(tmp_path / "runs" / "new" / "trials.parquet")
    assert schema.field("value.latency_ms").type == pa.float64()


@pytest.mark.parametrize("values", [{}, {"latency_ms": None}, {"latency_ms": float("nan")}])
def test_no_value_a_null_value_and_nan_stay_apart(values: dict[str, Any], tmp_path: Path) -> None:
    study = make_study([make_trial(0, state="stopped", values=values), make_trial(1, (90.0, 1.0, 2.0))])
    write_study(study, tmp_path)
    assert exact(read_study(tmp_path).trials[0].values) == exact(values)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([3, 5], pa.int64()),
        ([True, False], pa.bool_()),
        ([0.5, float("-inf")], pa.float64()),
        (["1,3", ""], pa.string()),
        ([1, 0.5], pa.string()),
        ([True, 1], pa.string()),
        ([None, 3.0], pa.string()),
        ([2**63, 1], pa.string()),
        (["fast", 1], pa.string()),
    ],
)
def test_params_keep_their_types_and_mixed_ones_fall_back_to_text(
    column: list[Any], kind: pa.DataType, tmp_path: Path
) -> None:
    cells = [{"x": column[0]}, {"x": column[1]}, {}]
    write_study(make_study([make_trial(n, params=cell) for n, cell in enumerate(cells)]), tmp_path)
    assert pq.read_schema(tmp_path / "trials.parquet").field("param.x").type == kind
    assert exact([trial.params for trial in read_study(tmp_path).trials]) == exact(cells)


def test_a_metric_that_is_an_int_here_and_a_float_there_becomes_float(tmp_path: Path) -> None:
    cells = [{"macs": 1, "m": True}, {"macs": 0.5, "m": 2}, {"macs": 2**70}]
    write_study(make_study([make_trial(n, metrics=cell) for n, cell in enumerate(cells)]), tmp_path)
    got = [trial.metrics for trial in read_study(tmp_path).trials]
    assert exact(got) == exact([{"macs": 1.0, "m": 1.0}, {"macs": 0.5, "m": 2.0}, {"macs": 2.0**70}])
    assert got == cells


def test_bytes_of_an_exception_that_are_no_utf8_do_not_lose_the_record(tmp_path: Path) -> None:
    write_study(make_study([make_trial(0, reason="file \udcff")]), tmp_path)
    assert read_study(tmp_path).trials[0].reason == "file ?"


def test_a_folder_whose_name_looks_like_a_partition_is_only_a_folder(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path / "seed=7")
    assert exact(read_study(tmp_path / "seed=7")) == exact(study)


# What cannot be written --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"started_at": datetime(2030, 1, 1)}, "trial 0: started_at has no time zone"),
        ({"metrics": {"m": "fast"}}, "metric.m: got str, allowed: numbers"),
        ({"metrics": {"m": None}}, "metric.m: got null, allowed: numbers"),
        ({"metrics": {"m": ["fast"]}}, "metric.m: a list metric holds numbers only"),
        ({"params": {"x": {1, 2}}}, "param.x: set cannot be written as JSON"),
        ({"config": {"x": object()}}, "config of trial 0: object cannot be written"),
        ({"number": 2**64}, "column number: "),
    ],
)
def test_what_parquet_cannot_hold_is_named_and_the_old_record_stays(
    changes: dict[str, Any], message: str, study: Study, tmp_path: Path
) -> None:
    write_study(study, tmp_path)
    with pytest.raises(StudyError, match=message):
        write_study(make_study([replace(make_trial(0), **changes)]), tmp_path)
    assert exact(read_study(tmp_path)) == exact(study)
    assert len(list(tmp_path.iterdir())) == 2


def test_an_error_while_writing_leaves_the_old_file_and_no_other(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(study, tmp_path)

    def full(table: pa.Table, file: Any, **options: Any) -> None:
        file.write(b"PAR1 half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_study(make_study([]), tmp_path)
    assert exact(read_study(tmp_path)) == exact(study)
    assert len(list(tmp_path.iterdir())) == 2


# What cannot be read -----------------------------------------------------------------------------


def test_a_missing_folder_and_a_missing_file_are_told_apart(study: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="nowhere: no such folder"):
        read_study(tmp_path / "nowhere")
    with pytest.raises(StudyError, match=r"trials\.parquet: missing; `python -m search\.record"):
        read_study(tmp_path)
    write_study(study, tmp_path)
    (tmp_path / "epochs.parquet").unlink()
    with pytest.raises(StudyError, match=r"epochs\.parquet: missing"):
        read_study(tmp_path)


def test_a_folder_of_studies_says_which_it_holds(study: Study, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("q", "digits"):
        write_study(study, runs / name)
    (runs / "notes").mkdir()
    told = f"{runs}: holds studies: digits, q; name one of them, such as {runs / 'digits'}"
    with pytest.raises(StudyError, match=f"^{re.escape(told)}$"):
        read_study(runs)


@pytest.mark.parametrize("name", ["trials.parquet", "epochs.parquet"])
def test_a_file_cut_anywhere_is_named(name: str, study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path)
    whole = (tmp_path / name).read_bytes()
    for length in [0, 3, *range(4, len(whole), max(1, len(whole) // 40)), len(whole) - 1]:
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(StudyError, match=f"{name}: not a whole Parquet file"):
            read_study(tmp_path)


def test_a_flipped_byte_in_the_data_is_never_read_as_another_study(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path)
    whole = bytearray((tmp_path / "trials.parquet").read_bytes())
    first = pq.ParquetFile(tmp_path / "trials.parquet").metadata.row_group(0)
    end = max(first.column(index).data_page_offset for index in range(first.num_columns))
    rng = np.random.default_rng(0)
    for position in rng.integers(4, end, size=40):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << int(rng.integers(8))
        (tmp_path / "trials.parquet").write_bytes(flipped)
        try:
            assert exact(read_study(tmp_path)) == exact(study)
        except StudyError as error:
            assert "trials.parquet" in str(error)  # noqa: PT017 - either outcome is right


def test_a_parquet_file_of_another_program_is_named(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "trials.parquet")
    with pytest.raises(
        StudyError, match=r"trials\.parquet: a Parquet file, but not one of a SpikeFront study"
    ):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda about: about | {"schema_version": 2},
            "schema_version 2, this SpikeFront reads up to 1; install",
        ),
        (lambda about: {}, "schema_version None"),
        (lambda about: 5, "damaged: metadata: not a JSON object, but int; `python -m search.record"),
        (lambda about: about | {"objectives": [{}]}, "damaged: objectives.0.name: Field required"),
    ],
)
def test_metadata_that_cannot_be_read_is_named(
    change: Any, message: str, study: Study, tmp_path: Path
) -> None:
    write_study(study, tmp_path)
    table = pq.ParquetFile(tmp_path / "trials.parquet").read()
    about = change(json.loads(table.schema.metadata[b"spikefront"]))
    table = table.replace_schema_metadata({"spikefront": json.dumps(about)})
    pq.write_table(table, tmp_path / "trials.parquet")
    with pytest.raises(StudyError, match=rf"trials\.parquet: {message}"):
        read_study(tmp_path)


def test_a_lost_column_is_named(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path)
    table = pq.ParquetFile(tmp_path / "trials.parquet").read()
    pq.write_table(table.drop_columns(["state"]), tmp_path / "trials.parquet")
    with pytest.raises(
        StudyError,
        match=r"trials\.parquet: damaged: 0 columns state, should be one; `python -m search\.record",
    ):
        read_study(tmp_path)
