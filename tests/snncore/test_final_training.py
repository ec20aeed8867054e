"""Final training by its command: files left, exit codes, resume, prediction."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

import snncore
from snncore.config.load import make_config
from snncore.config.metrics import METRICS
from snncore.data.load import load_data
from snncore.errors import UserError
from snncore.evaluate import main as main_of_evaluation
from snncore.final_training import train
from snncore.saved.result import read_result
from snncore.train import main

CONFIG = """
T: 2
model: {width: 0.125}
data: {train_limit: 400}
optim: {epochs: 2, batch_size: 64}
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG)
    return path


def test_training_from_the_command_line(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = config_file.parent / "out"
    assert main([str(config_file), "--out", str(out), "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    result = json.loads((out / "result.json").read_text())
    n, n_wrong = result["n_test_samples"], round((100 - result["test_accuracy"]) * 3.59)
    assert (n, result["n_val_samples"], result["n_classes"]) == (359, 144, 10)
    about = f"{n_wrong} of {n} samples wrong; largest class {result['test_largest_class_share']:.2f} %"
    assert f"test accuracy {result['test_accuracy']:.2f} % ({about})\n" in printed
    assert f"validation accuracy {result['val_accuracy']:.2f} % (" in printed
    assert f"python -m snncore.evaluate {out}\n" in printed
    assert result["epochs_trained"] == len((out / "epochs.jsonl").read_text().splitlines()) == 2
    assert result["config"]["T"] == 2
    assert set(METRICS) - {"val_accuracy", "balanced_accuracy"} <= set(result["metrics"])
    assert result["metrics"]["test_accuracy_at_1"] == result["metrics"]["accuracy_at_t"][0]
    assert 1 <= result["metrics"]["test_exit_steps"] <= 2
    assert result["n_processes"] == 1
    assert result["threads"] == 1
    assert result["device"] in ("cpu", "cuda")
    assert sorted(path.name for path in out.iterdir()) == [
        "config.yaml",
        "epochs.jsonl",
        "final",
        "result.json",
    ]
    assert [path.name for path in config_file.parent.iterdir()] == ["out", "small.yaml"]

    assert result["val_largest_class_share"] > 10
    predictor = snncore.load(out)
    data = load_data(make_config({}).data, 2)
    test = data.read_test()
    predicted = predictor.predict(test.images)
    accuracy = 100 * float((predicted == test.labels).double().mean())
    balanced = 100 * balanced_accuracy_score(test.labels, predicted)
    assert result["test_balanced_accuracy"] == pytest.approx(balanced)
    assert result["test_largest_class_share"] == 100 * int(test.labels.bincount().max()) / 359
    assert accuracy == pytest.approx(result["test_accuracy"])
    assert predictor.evaluate("test").accuracy == pytest.approx(result["test_accuracy"])
    assert predictor.logits(test.images[:3]).shape == (2, 3, 10)


def test_a_training_without_validation_says_so(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = config_file.parent / "out"
    settings = ["--set", "data.val_fraction=0", "--set", "optim.epochs=1"]
    assert main([str(config_file), "--out", str(out), "--threads", "1", *settings]) == 0
    printed = capsys.readouterr().out
    assert "\nno validation\n" in printed
    assert "nan" not in printed
    assert main_of_evaluation([str(out), "--split", "val"]) == 2
    assert "--split val: it is empty (data.val_fraction is 0); use --split test" in capsys.readouterr().err


def test_training_on_everything(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = config_file.parent / "out"
    everything = ["--set", "data.val_fraction=0", "--set", "optim.ema_decay=0.9", "--set", "precision=bf16"]
    assert main([str(config_file), "--out", str(out), "--threads", "1", *everything]) == 0
    assert "nan" not in capsys.readouterr().out
    text = (out / "result.json").read_text()
    assert "NaN" not in text
    result = json.loads(text)
    assert result["val_accuracy"] is None
    assert (result["n_val_samples"], result["val_balanced_accuracy"]) == (0, None)
    assert result["val_largest_class_share"] is None
    assert result["metrics"]["synops"] > 0  # of test images, as there are no others
    rows = [json.loads(line) for line in (out / "epochs.jsonl").read_text().splitlines()]
    assert [row["val_accuracy"] for row in rows] == [None, None]
    assert snncore.load(out).evaluate("test").accuracy == pytest.approx(result["test_accuracy"], abs=1)


def test_a_training_killed_before_its_first_checkpoint_starts_again(config_file: Path) -> None:
    config = snncore.load_config(config_file)
    out = config_file.parent / "out"

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snncore.training.session.TrainingSession.save", kill)
        with pytest.raises(KeyboardInterrupt):
            train(config, out, threads=1)
    assert sorted(path.name for path in out.iterdir()) == ["config.yaml", "epochs.jsonl"]
    assert train(config, out, resume=True, threads=1).epochs_trained == 2
    rows = [json.loads(line) for line in (out / "epochs.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]


def test_a_training_killed_after_its_last_epoch_is_finished(config_file: Path) -> None:
    config = snncore.load_config(config_file)
    out = config_file.parent / "out"

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snncore.final_training.write_result", kill)
        with pytest.raises(KeyboardInterrupt):
            train(config, out, threads=1)
    assert not (out / "result.json").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snncore.training.session.TrainingSession.run_epoch", kill)
        result = train(config, out, resume=True, threads=1)
    straight = train(config, config_file.parent / "straight", threads=1)
    assert result.test_accuracy == straight.test_accuracy


def test_an_existing_folder_is_refused(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = config_file.parent / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    assert main([str(config_file), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["precious.txt"]


def test_an_interrupted_training_resumes_to_the_same_result(tmp_path: Path) -> None:
    config = make_config(
        {
            "T": 2,
            "model": {"width": 0.125},
            "data": {"train_limit": 300},
            "optim": {"epochs": 3, "batch_size": 64},
        }
    )
    straight = train(config, tmp_path / "straight", threads=1)

    class StopError(Exception):
        pass

    def stop(epoch: snncore.Epoch) -> None:
        raise StopError

    with pytest.raises(StopError):
        train(config, tmp_path / "broken", threads=1, on_epoch=stop)
    resumed = train(config, tmp_path / "broken", resume=True, threads=1)
    assert resumed.test_accuracy == straight.test_accuracy
    assert len((tmp_path / "broken" / "epochs.jsonl").read_text().splitlines()) == 3
    again = train(config, tmp_path / "broken", resume=True, threads=1)
    assert again == resumed
    other = make_config(config.as_dict() | {"T": 3})
    with pytest.raises(UserError, match="another config"):
        train(other, tmp_path / "broken", resume=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "optim.epochs"], "--set: got 'optim.epochs', allowed: KEY=VALUE"),
        (["--set", "T=[1"], "--set: the value of 'T=[1' is not YAML"),
        (["--set", "optim.epochs=0"], "optim.epochs: got 0"),
        (["--set", "data.name=fashion_mnist", "--set", "data.root=nowhere"], "spikefront data fashion_mnist"),
        (
            ["--device", "cuda:77"],
            "device: got 'cuda:77', which this machine does not have; allowed: cpu; cuda with a GPU",
        ),
        (["--device", "foo"], "device: got 'foo'"),
        (["--device", "meta"], "device: got 'meta'"),
        (["--threads", "-2"], "threads: got -2, allowed: 1 or more"),
        (["--threads", "0"], "threads: got 0, allowed: 1 or more"),
    ],
)
def test_bad_input_is_one_readable_block(
    config_file: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = config_file.parent / "o"
    assert main([str(config_file), "--out", str(out), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not out.exists()


def test_the_number_of_threads_is_recorded_and_told_to_who_compares(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = config_file.parent / "out"
    exported = [
        "--set",
        "origin={study: a, trial: 1}",
        "--set",
        f"out={config_file.parent}/a/finals/trial-0001",
    ]
    (config_file.parent / "a").mkdir()
    (config_file.parent / "a" / "trials.parquet").touch()
    assert main([str(config_file), "--out", str(out), "--threads", "2", *exported]) == 0
    assert "trained with 2 threads; on a CPU results depend on their number" in capsys.readouterr().out
    values = json.loads((out / "result.json").read_text())
    assert values["threads"] == 2
    assert read_result(out).threads == 2
    del values["threads"]  # a result of before it was recorded
    (out / "result.json").write_text(json.dumps(values))
    assert read_result(out).threads is None


def test_a_resume_of_nothing_is_refused(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = config_file.parent / "nothere"
    assert main([str(config_file), "--out", str(out), "--resume"]) == 2
    assert "nothere: nothing to resume, there is no such folder" in capsys.readouterr().err
    assert not out.exists()
    out.mkdir()
    assert main([str(config_file), "--out", str(out), "--resume"]) == 2
    assert "nothere: holds no training to resume (no config.yaml)" in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(
    config_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = config_file.parent / "deep" / "out"
    (config_file.parent / "deep").write_text("a file")
    assert main([str(config_file), "--out", str(out)]) == 2
    assert f"error: --out: {out} cannot be written: " in capsys.readouterr().err

    out = config_file.parent / "out"

    def refuse(self: Path, *_: object, **__: object) -> Path:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "rename", refuse)
    assert main([str(config_file), "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"error: --out: {out} cannot be written: Read-only file system\n"
    assert sorted(path.name for path in config_file.parent.iterdir()) == ["deep", "small.yaml"]


def test_loading_what_is_no_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.yaml"):
        snncore.load(tmp_path)


def test_images_of_the_wrong_shape_are_refused(tmp_path: Path) -> None:
    config = make_config({"T": 1, "model": {"width": 0.125}, "optim": {"epochs": 1}})
    train(config, tmp_path / "o", threads=1)
    with pytest.raises(UserError, match=r"need torch\.uint8"):
        snncore.load(tmp_path / "o").predict(torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize("more", [[], ["--set", "data.val_fraction=0"]])
def test_a_network_without_spikes_is_no_result(
    config_file: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    out = config_file.parent / "out"
    silent = ["--set", "neuron.v_threshold=1000000.0", "--out", str(out), "--threads", "1", *more]
    assert main([str(config_file), *silent]) == 2
    printed, told = capsys.readouterr()
    assert "accuracy" not in printed
    assert told.startswith("error: silent: no spikes in neuron layer 1, 2, 3, 4, 5, 6, 7 on ")
    assert "there is no result. Lower neuron.v_threshold, which is 1e+06" in told
    assert not out.exists(), "the next try may have this folder"


def test_one_that_is_silent_at_its_end_is_none_either(
    config_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snncore.training.silence.DeadLayerCheck.is_dead", lambda *_: False)
    out = config_file.parent / "out"
    silent = ["--set", "neuron.v_threshold=1000000.0", "--out", str(out), "--threads", "1"]
    assert main([str(config_file), *silent]) == 2
    assert "test accuracy" not in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint", "config.yaml", "epochs.jsonl"]
    assert main([str(config_file), *silent, "--resume"]) == 2


def test_a_layer_that_is_silent_is_told_beside_the_result(
    config_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a short training the last layer may not fire yet."""
    monkeypatch.setattr(
        "snncore.final_training.silent_layers", lambda evaluation: [len(evaluation.firing_rate)]
    )
    out = config_file.parent / "out"
    assert main([str(config_file), "--out", str(out), "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    assert "neuron layer 7 never fires: train longer, or lower neuron.v_threshold" in printed
    assert read_result(out).silent_layers == (7,)


def test_an_own_network_is_imported_before_anything_is_read(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = config_file.parent / "out"
    own = ["--set", "model.arch=my_net:build", "--set", "data.name=cifar10", "--out", str(out)]
    assert main([str(config_file), *own]) == 2
    assert "my_net:build: cannot be imported: No module named 'my_net'" in capsys.readouterr().err
    assert not out.exists()
