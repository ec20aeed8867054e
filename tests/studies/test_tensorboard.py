from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studies import tensorboard
from studies.errors import StudyError
from studies.model import Study
from studies.record import write_study
from studies.tensorboard import main, write_events
from tests.studies.make import make_epoch, make_study, make_trial

event_pb2 = pytest.importorskip(
    "tensorboard.compat.proto.event_pb2", reason="the tensorboard package is not installed"
)
plugin_data_pb2 = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")


def events(folder: Path) -> Iterator[Any]:
    """The events of the one file in a folder: length, its checksum, the event, its checksum (TFRecord)."""
    (path,) = folder.glob("events.out.tfevents.*")
    content, at = path.read_bytes(), 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        yield event_pb2.Event.FromString(content[at + 12 : at + 12 + length])
        at += 16 + length


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def hparams(folder: Path) -> Any:
    (data,) = (
        value.metadata.plugin_data.content
        for event in events(folder)
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "hparams"
    )
    return plugin_data_pb2.HParamsPluginData.FromString(data)


@pytest.fixture
def study() -> Study:
    params = {"T": 4, "mode": "none", "flag": True, "temperature": None, "mixed": 1}
    first = make_trial(0, (90.0, 9.0, 2.0), params=params, epochs_trained=2)
    second = make_trial(1, params={"T": 6, "mode": "reliable", "mixed": "x"}, started_at=None)
    again = make_trial(2, (91.0, 9.0, 2.0), replicate_of=0, params=params)
    return make_study([first, second, again], epochs=[make_epoch(0, 2), make_epoch(0, 1), make_epoch(1, 1)])


def test_each_epoch_of_each_trial_is_a_point(study: Study, tmp_path: Path) -> None:
    write_events(study, tmp_path)
    found = curves(tmp_path / "trial-0000")
    row = make_epoch(0, 1)
    assert found["val_accuracy"] == [(1, row.val_accuracy), (2, row.val_accuracy)]
    assert found["firing_rate/2"] == [(1, pytest.approx(0.2)), (2, pytest.approx(0.2))]
    assert [step for step, _ in curves(tmp_path / "trial-0001")["reliable_share/1"]] == [1]
    assert found["final/val_accuracy"] == [(2, 90.0)]
    assert "final/val_accuracy" not in curves(tmp_path / "trial-0001")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        "trial-0000",
        "trial-0001",
        "trial-0002",
    ]


def test_params_are_hparams_and_replicates_share_their_originals_group(study: Study, tmp_path: Path) -> None:
    write_events(study, tmp_path)
    about = hparams(tmp_path).experiment
    assert [info.name.tag for info in about.metric_infos] == [
        "final/val_accuracy",
        "final/train_memory_mib",
        "final/latency_ms",
    ]
    steps = next(info for info in about.hparam_infos if info.name == "T")
    assert (steps.domain_interval.min_value, steps.domain_interval.max_value) == (4.0, 6.0)
    modes = next(info for info in about.hparam_infos if info.name == "mode")
    assert [value.string_value for value in modes.domain_discrete.values] == ["none", "reliable"]
    own = hparams(tmp_path / "trial-0000").session_start_info
    assert own.hparams["T"].number_value == 4
    assert own.hparams["flag"].bool_value is True
    assert own.hparams["temperature"].string_value == "null"
    group = hparams(tmp_path / "trial-0002").session_start_info.group_name
    assert group == own.group_name == "trial-0000"


def test_tensorboard_itself_reads_the_files(study: Study, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_events(study, tmp_path)
    read = EventAccumulator(str(tmp_path / "trial-0000")).Reload()
    assert [point.value for point in read.Scalars("val_accuracy")] == [42.5, 42.5]
    started = study.trials[0].started_at
    assert started is not None
    assert read.Scalars("lr")[0].wall_time == pytest.approx(started.timestamp() + 3.25)


def test_a_study_without_trials_and_one_with_odd_params(tmp_path: Path) -> None:
    write_events(make_study([]), tmp_path / "none")
    odd = make_trial(0, params={"a": [1, 2], "b": float("nan"), "c": 2**80})
    other = replace(odd, number=1, params={"a": "x", "b": 1.0, "c": False})
    write_events(make_study([odd, other]), tmp_path / "odd")
    assert hparams(tmp_path / "odd" / "trial-0000").session_start_info.hparams["a"].string_value == "[1, 2]"


def test_the_command_writes_into_a_new_folder_only(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(study, tmp_path)
    assert main([str(tmp_path)]) == 0
    out = tmp_path / "tensorboard"
    assert capsys.readouterr().out == f"wrote {out}: 3 trials, 3 epochs\nnext: tensorboard --logdir {out}\n"
    assert main([str(tmp_path)]) == 2
    assert "exists already; choose another --out" in capsys.readouterr().err
    assert main([str(tmp_path / "nothing")]) == 2


def test_without_the_package_it_says_what_to_install(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.plugins.hparams", None)
    with pytest.raises(StudyError, match=r"the tensorboard package is missing .*pip install tensorboard"):
        tensorboard.write_events(study, tmp_path / "out")
    assert not (tmp_path / "out").exists()
