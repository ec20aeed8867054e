"""Predicting with a trained folder, and the commands that evaluate and export it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file

import snncore
from snncore.config.load import make_config
from snncore.data.load import load_data
from snncore.errors import UserError
from snncore.evaluate import main
from snncore.evaluation.attacks import fgsm, pgd, robustness, through_surrogates
from snncore.evaluation.evaluate import eval_batch_size
from snncore.evaluation.operations import count_operations
from snncore.evaluation.predictor import Predictor
from snncore.export_network import main as export
from snncore.network.network import SpikingNetwork, build_network
from snncore.passes.passes import inference
from snncore.saved import checkpoint
from tests.snncore.tiny import randomised

T = 3
STILL: dict[str, Any] = {
    "T": T,
    "model": {"arch": "convnet", "width": 0.25},
    "neuron": {"decay": 0.5, "reset": "hard"},
}
EVENTS = STILL | {"data": {"events": "saccades"}}


def write_training(folder: Path, fields: dict[str, Any], **state: object) -> SpikingNetwork:
    """What a finished training leaves, as far as it is read again; the weights are random."""
    config = make_config(fields)
    network = randomised(build_network(config)).float()
    folder.mkdir()
    YAML().dump(config.as_dict(), folder / "config.yaml")
    normalisation = {"normalisation": asdict(load_data(config.data, T).normalisation)}
    tensors = {checkpoint.NETWORK: network.state_dict()}
    checkpoint.write_folder(folder / "final", tensors, normalisation | state)
    return network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("still") / "run"
    write_training(path, STILL)
    return path


@pytest.fixture(scope="module")
def event_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "run"
    write_training(path, EVENTS)
    return path


def test_images_are_normalised_and_run_for_all_steps(folder: Path) -> None:
    predictor = snncore.load(folder, "cpu")
    data = load_data(predictor.config.data, T)
    images = data.read_test().take(torch.arange(300))
    x = data.normalisation.apply(images)
    expected = inference(build_like(predictor), x, T)
    torch.testing.assert_close(predictor.logits(images), expected)
    assert torch.equal(predictor.predict(images), expected.mean(0).argmax(-1))


def build_like(predictor: Predictor) -> SpikingNetwork:
    network = build_network(predictor.config).eval()
    network.load_state_dict(predictor.network.state_dict())
    return network


def test_event_frames_come_sample_first_and_are_not_normalised(event_folder: Path) -> None:
    predictor = snncore.load(event_folder, "cpu")
    frames = load_data(predictor.config.data, T).read_test().take(torch.arange(20))
    assert frames.shape == (20, T, 2, 8, 8)
    expected = inference(build_like(predictor), frames.transpose(0, 1).float(), T)
    torch.testing.assert_close(predictor.logits(frames), expected)
    torch.testing.assert_close(predictor.logits(frames.short()), expected)


def test_a_network_with_branches_loads_without_them(tmp_path: Path) -> None:
    fields = STILL | {"distillation": {"mode": "reliable", "branches": [1, 2]}}
    network = write_training(tmp_path / "run", fields)
    assert len(network.branches) == 2
    predictor = snncore.load(tmp_path / "run", "cpu")
    assert len(predictor.network.branches) == 0
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    x = predictor.normalisation.apply(images)
    torch.testing.assert_close(predictor.logits(images), inference(network, x, T))


def test_with_its_shape_written_down_a_network_loads_without_its_data(tmp_path: Path) -> None:
    config = make_config(STILL)
    spec = asdict(build_network(config).spec)
    write_training(tmp_path / "run", STILL, spec=spec)
    gone = config.as_dict() | {"data": {"name": "npz", "root": str(tmp_path / "gone.npz")}}
    YAML().dump(gone, tmp_path / "run" / "config.yaml")
    predictor = snncore.load(tmp_path / "run", "cpu")
    assert predictor.predict(torch.zeros(4, 1, 8, 8, dtype=torch.uint8)).shape == (4,)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    write_training(tmp_path / "run", STILL)
    YAML().dump(
        make_config(STILL | {"model": {"arch": "convnet", "width": 0.5}}).as_dict(),
        tmp_path / "run" / "config.yaml",
    )
    with pytest.raises(UserError, match=r"the weights do not fit the network of config\.yaml"):
        snncore.load(tmp_path / "run", "cpu")


@pytest.mark.parametrize(
    "samples",
    [
        torch.zeros(2, 1, 8, 8),
        torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
        torch.zeros(2, 1, 9, 8, dtype=torch.uint8),
        torch.zeros(0, 1, 8, 8, dtype=torch.uint8),
        torch.zeros(2, T, 1, 8, 8, dtype=torch.uint8),
    ],
)
def test_other_samples_are_refused(samples: torch.Tensor, folder: Path) -> None:
    with pytest.raises(UserError, match=r"images: got .*, need torch\.uint8 \(N, 1, 8, 8\), N >= 1"):
        snncore.load(folder, "cpu").predict(samples)


def test_still_images_for_a_network_on_events_are_refused(event_folder: Path) -> None:
    message = r"event frames: got .*, need torch\.uint8 or torch\.int16 \(N, 3, 2, 8, 8\)"
    with pytest.raises(UserError, match=message):
        snncore.load(event_folder, "cpu").predict(torch.zeros(2, 2, 8, 8, dtype=torch.uint8))


def test_an_unknown_device_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="device: got 'cuda:77', which this machine does not have"):
        snncore.load(folder, "cuda:77")


def test_batches_shrink_with_large_images_and_long_runs() -> None:
    spec = build_network(make_config(STILL)).spec
    assert eval_batch_size(spec, 4) == 256
    assert eval_batch_size(spec, 2**17) == 1


def test_everything_asked_for_is_measured_and_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"
    arguments = (
        "--samples 120 --early-exit 0.3,0.9 --confusion --operations --fgsm 0.1 --pgd 0.1 --pgd-steps 2"
    )
    assert main([str(folder), *arguments.split(), "--json", str(out), "--device", "cpu"]) == 0
    report = json.loads(out.read_text())

    predictor = snncore.load(folder, "cpu")
    split = predictor.read("test", 120)
    assert torch.bincount(split.labels).min() >= 11  # stratified
    evaluation = predictor.evaluate(split)
    assert report["n"] == 120
    assert report["accuracy"] == evaluation.accuracy
    assert report["accuracy_at_t"] == list(evaluation.accuracy_at_t)
    assert [result["threshold"] for result in report["early_exit"]] == [0.3, 0.9]
    confusion = torch.tensor(report["confusion"])
    assert confusion.sum(1).tolist() == torch.bincount(split.labels).tolist()
    assert float(100 * confusion.trace() / 120) == pytest.approx(evaluation.accuracy)
    whole = list(predictor.batches(split))
    counted = count_operations(predictor.network, T, whole)
    assert report["operations"]["synops"] == pytest.approx(counted.synops)
    assert report["operations"]["energy_uj"] == pytest.approx(counted.energy_uj)
    attacks = through_surrogates(predictor.network, fgsm(0.1))
    expected = robustness(predictor.network, T, whole, attacks, predictor.normalisation)
    assert report["fgsm"]["robust_accuracy"] == pytest.approx(expected.accuracy)
    assert report["pgd"]["steps"] == pgd(0.1, 2).steps
    assert [one["surrogate"] for one in report["pgd"]["through"]] == ["sigmoid", "arctan", "sigmoid"]
    assert [one["is_own"] for one in report["pgd"]["through"]] == [True, False, False]
    lowest = min(one["robust_accuracy"] for one in report["pgd"]["through"])
    assert report["pgd"]["robust_accuracy"] <= lowest

    printed = capsys.readouterr().out
    n_wrong = 120 - int(confusion.trace())
    assert f"test accuracy {evaluation.accuracy:.2f} % ({n_wrong} of 120 samples wrong; largest" in printed
    assert report["balanced_accuracy"] == pytest.approx(
        float(100 * (confusion.diag() / confusion.sum(1)).mean())
    )
    for words in (
        "after 3 of 3 steps",
        "early exit",
        "confusion",
        "synaptic operations",
        "under PGD, epsilon",
    ):
        assert words in printed


def test_the_validation_split_is_evaluated_on_demand(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--split", "val", "--device", "cpu"]) == 0
    predictor = snncore.load(folder, "cpu")
    accuracy = predictor.evaluate("val").accuracy
    n_wrong = 144 - round(1.44 * accuracy)
    assert (
        f"val accuracy {accuracy:.2f} % ({n_wrong} of 144 samples wrong; largest" in capsys.readouterr().out
    )


def test_epsilon_may_be_a_fraction(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    arguments = f"--samples 20 --fgsm 8/255 --pgd 0.1 --pgd-steps 1 --pgd-step-size 1/4 --json {out}"
    assert main([str(folder), *arguments.split()]) == 0
    report = json.loads(out.read_text())
    assert report["fgsm"]["epsilon"] == 8 / 255
    assert report["pgd"]["step_size"] == 0.25


@pytest.mark.parametrize("text", ["8/0", "eps", "1/2/3"])
def test_an_epsilon_that_is_no_number_ends_with_the_usage(
    text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(folder), "--fgsm", text])
    assert stopped.value.code == 2
    assert f"--fgsm: invalid number value: '{text}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--early-exit 0.9,often", "--early-exit: got '0.9,often'"),
        ("--early-exit 1.5", "probabilities from 0 to 1"),
        ("--fgsm 8", "epsilon: got 8.0"),
        ("--pgd 0.1 --pgd-steps 0", "got 0 steps"),
        ("--samples 100000", "samples: got 100000, allowed of the test split: 1 to 359"),
        ("--samples 0", "samples: got 0, allowed of the test split: 1 to 359"),
        ("--samples -1 --split val", "samples: got -1, allowed of the val split: 1 to 144"),
        ("--json nowhere/x.json", "--json: there is no folder nowhere"),
        ("--device cuda:77", "which this machine does not have"),
    ],
)
def test_bad_input_is_one_readable_line(
    arguments: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("best.yaml", "out: runs/finals/trial-0001", "runs/finals/trial-0001"),
        ("best.yml", "T: 3", "best"),
        ("apart/config.yaml", None, "apart"),  # what a training keeps, wherever it was moved
    ],
)
def test_a_config_file_stands_for_the_folder_that_training_it_writes(
    name: str, text: str | None, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    write_training(Path(place), STILL | {"out": "elsewhere"})
    if text is not None:
        Path(name).write_text(text, encoding="utf-8")
    assert main([name, "--samples", "20", "--device", "cpu", "--json", "report.json"]) == 0
    assert json.loads(Path("report.json").read_text())["folder"] == place
    assert export([name, "--out", "net.safetensors"]) == 0
    expected = snncore.load(place, "cpu").network.body.state_dict()
    assert set(load_file("net.safetensors")) == set(expected)


def test_a_config_file_that_was_not_trained_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my best.yaml").write_text("T: 2", encoding="utf-8")
    for command, more in ((main, []), (export, ["--out", "net.pt"])):
        assert command(["my best.yaml", *more]) == 2
        error = capsys.readouterr().err
        assert "my best.yaml: its training would be in my best, which holds none" in error
        assert "python -m snncore.train 'my best.yaml'" in error


def test_attacks_on_events_are_refused(event_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(event_folder), "--fgsm", "0.1"]) == 2
    assert "need still images" in capsys.readouterr().err


def test_an_empty_validation_split_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_training(tmp_path / "run", STILL | {"data": {"val_fraction": 0.0}})
    assert main([str(tmp_path / "run"), "--split", "val"]) == 2
    assert "it is empty (data.val_fraction is 0)" in capsys.readouterr().err
    assert main([str(tmp_path / "run"), "--split", "val", "--samples", "9"]) == 2
    assert "samples: got 9, allowed of the val split: none, it is empty" in capsys.readouterr().err


def test_the_export_command_writes_what_it_says(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.nir"
    assert export([str(folder), "--out", str(path)]) == 0
    assert path.is_file()
    assert f"written to {path}" in capsys.readouterr().out
    assert export([str(folder), "--out", str(path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_strangers_folder_imports_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_training(tmp_path / "run", STILL)
    values = make_config(STILL).as_dict() | {"model": {"arch": "stranger_module:build", "width": 1.0}}
    YAML().dump(values, tmp_path / "run" / "config.yaml")
    (tmp_path / "stranger_module.py").write_text("import pathlib\npathlib.Path('CANARY').mkdir()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    message = r"run/config\.yaml: its network is code .*module 'stranger_module'.*--allow-code"
    with pytest.raises(UserError, match=message):
        snncore.load("run", "cpu")
    for command, arguments in ((main, []), (export, ["--out", "net.pt"])):
        assert command(["run", *arguments]) == 2
        assert "--allow-code" in capsys.readouterr().err
    assert not Path("CANARY").exists()
    assert not Path("net.pt").exists()
    assert export(["run", "--out", "net.pt", "--allow-code"]) == 2  # imported, but it has no factory
    assert Path("CANARY").exists()
    assert "stranger_module:build: cannot be imported" in capsys.readouterr().err


def test_a_network_of_ones_own_loads_where_its_code_is_allowed(tmp_path: Path) -> None:
    write_training(tmp_path / "run", STILL | {"model": {"arch": "tests.snncore.tiny:build"}})
    with pytest.raises(UserError, match="allow_code=True"):
        snncore.load(tmp_path / "run", "cpu")
    predictor = snncore.load(tmp_path / "run", "cpu", allow_code=True)
    assert predictor.predict(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).shape == (2,)
