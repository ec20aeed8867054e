"""Training on digits: it learns, stops when it diverges, and resumes bit by bit."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from snncore.config.load import make_config
from snncore.config.metrics import BESIDE_ACCURACY, METRICS
from snncore.config.rules import BRANCH_MODES, TEMPORAL_MODES
from snncore.config.schema import Config
from snncore.errors import DivergedError, SilentNetworkError
from snncore.neuron.neuron import LIF
from snncore.saved.checkpoint import STATE, CheckpointError
from snncore.training.divergence import NonFiniteLossError
from snncore.training.optim import lr_at
from snncore.training.session import TrainingSession
from snncore.training.silence import DeadLayerCheck
from snncore.training.step import Trainer

QUICK: dict[str, Any] = {
    "T": 2,
    "model": {"width": 0.125},
    "data": {"train_limit": 400},
    "optim": {"epochs": 3, "batch_size": 64, "lr": 0.1},
}
TINY: dict[str, Any] = {
    "T": 2,
    "model": {"arch": "tests.snncore.tiny:build"},
    "data": {"train_limit": 90},
    "optim": {"epochs": 3, "batch_size": 40},
}
RELIABLE = {"mode": "reliable", "branches": [1]}


def quick(**fields: Any) -> Config:
    return make_config(QUICK | fields)


def tiny(**fields: Any) -> Config:
    return make_config(TINY | fields)


def weights(session: TrainingSession) -> dict[str, torch.Tensor]:
    """Of the network in training and of the one that predicts; they differ with a moving average."""
    predictor = session.trainer.predictor.state_dict()
    states = session.network.state_dict() | {f"predictor.{key}": value for key, value in predictor.items()}
    return {name: tensor.clone() for name, tensor in states.items()}


def assert_equal(ours: TrainingSession, theirs: TrainingSession) -> None:
    for (name, tensor), other in zip(weights(ours).items(), weights(theirs).values(), strict=True):
        assert torch.equal(tensor, other), name


@pytest.mark.parametrize("mode", ["none", *sorted(BRANCH_MODES), *sorted(TEMPORAL_MODES), "reliable+cascade"])
def test_every_mode_learns_and_logs_finite_numbers(mode: str) -> None:
    spatial, _, temporal = mode.partition("+")
    distillation: dict[str, Any] = {"mode": mode, "branches": [1, 2] if spatial in BRANCH_MODES else []}
    if temporal:
        distillation |= {"mode": f"{spatial}+simultaneous", "variant": temporal}
    gradient = "bptt" if temporal or mode in TEMPORAL_MODES else "rate"
    session = TrainingSession(quick(gradient=gradient, distillation=distillation))
    epochs = [session.run_epoch() for _ in range(3)]
    assert epochs[-1].train_loss < epochs[0].train_loss
    for epoch in epochs:
        assert all(
            math.isfinite(v)
            for v in (epoch.train_loss, epoch.ce, epoch.kd, epoch.val_accuracy, *epoch.firing_rate)
        )
    assert len(epochs[0].reliable_share) == (3 if spatial in BRANCH_MODES else 0)
    assert len(epochs[0].firing_rate) == 7


def test_a_batch_without_a_reliable_head_trains_on_the_labels() -> None:
    session = TrainingSession(quick(distillation=RELIABLE | {"reliability_threshold": 1.0}))
    epoch = session.run_epoch()  # no head gives a class probability 1
    assert epoch.reliable_share == (0.0, 0.0)
    assert epoch.kd == 0
    assert epoch.train_loss == pytest.approx(epoch.ce)
    assert all(torch.isfinite(tensor).all() for tensor in weights(session).values())


@pytest.mark.parametrize(
    "fields",
    [
        {"distillation": RELIABLE},
        {"gradient": "bptt", "distillation": {"mode": "strong2weak"}},
        {"optim": {"name": "adamw", "lr": 0.01, "epochs": 3, "batch_size": 40, "clip_norm": 1.0}},
        {"optim": {"epochs": 3, "batch_size": 40, "ema_decay": 0.9}, "distillation": RELIABLE},
        {"precision": "bf16", "distillation": RELIABLE},
        {"data": {"train_limit": 90, "augment": "crop_flip"}},
        {"model": {"arch": "resnet18", "width": 0.03125}, "distillation": RELIABLE},
        {"data": {"train_limit": 90, "val_fraction": 0}},
    ],
    ids=["sgd", "bptt", "adamw", "ema", "bf16", "augment", "resnet18", "no-validation"],
)
def test_resume_gives_bit_equal_weights(fields: dict[str, Any], tmp_path: Path) -> None:
    config = tiny(**fields)
    straight = TrainingSession(config)
    for _ in range(3):
        last = straight.run_epoch()

    first = TrainingSession(config)
    first.run_epoch()
    first.save(tmp_path / "checkpoint")
    second = TrainingSession(config)
    second.restore(tmp_path / "checkpoint")
    assert second.epochs_trained == 1
    assert_equal(second, first)
    second.run_epoch()
    second.save(tmp_path / "checkpoint")
    third = TrainingSession(config)
    third.restore(tmp_path / "checkpoint")
    resumed = third.run_epoch()
    assert (resumed.lr, resumed.train_loss, resumed.kd) == (last.lr, last.train_loss, last.kd)
    assert resumed.firing_rate == last.firing_rate
    assert_equal(third, straight)


def test_the_moving_average_is_evaluated_and_does_not_touch_training(tmp_path: Path) -> None:
    optim = {"epochs": 3, "batch_size": 64, "lr": 0.1}
    plain, averaged = (
        TrainingSession(quick(optim=setting)) for setting in (optim, optim | {"ema_decay": 0.99})
    )
    for _ in range(2):
        plain.run_epoch(), averaged.run_epoch()
    assert all(
        torch.equal(a, b)
        for a, b in zip(plain.network.parameters(), averaged.network.parameters(), strict=True)
    )
    assert averaged.last_evaluation != plain.last_evaluation
    averaged.network.load_state_dict(averaged.trainer.predictor.state_dict())
    averaged.trainer.average = None
    assert averaged.evaluate(averaged.data.val) == averaged.last_evaluation


CASES: dict[str, dict[str, Any]] = {
    "convnet": {},
    "bptt": {"gradient": "bptt", "distillation": {"mode": "reliable+strong2weak", "branches": [2]}},
    "resnet18": {
        "model": {"arch": "resnet18", "width": 0.0625},
        "distillation": {"mode": "reliable", "branches": [1, 3]},
        "data": {"train_limit": 130},
    },
}


@pytest.mark.slow
def test_two_trainings_in_one_process_equal_the_same_in_two() -> None:
    code = (
        "import sys, json\n"
        "from tests.snncore.training.test_session import CASES, digest, quick\n"
        "print(json.dumps([digest(quick(seed=int(s), **CASES[n])) for s in sys.argv[1:] for n in CASES]))\n"
    )

    def run(*seeds: str) -> list[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", code, *seeds]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return list(json.loads(done.stdout))

    both = run("1", "2")
    assert both[len(CASES) :] == run("2")
    assert len(set(both)) == 2 * len(CASES)


def digest(config: Config) -> str:
    """A fingerprint of the weights after one epoch."""
    session = TrainingSession(config)
    session.run_epoch()
    flat = torch.cat([tensor.flatten().double() for tensor in session.network.state_dict().values()])
    return flat.numpy().tobytes().hex()[-4000:] + str(float(flat.sum()))


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_touched() -> None:
    session = TrainingSession(quick())
    bias = session.network.get_parameter("body.classifier.bias")
    with torch.no_grad():
        bias.fill_(float("inf"))
    before = weights(session)
    with pytest.raises(DivergedError, match="epoch 1, step 1"):
        session.run_epoch()
    parameters = dict(session.network.named_parameters())
    assert all(torch.equal(parameters[name], before[name]) for name in parameters)


def test_weights_that_are_not_finite_are_told_though_the_loss_is() -> None:
    session = TrainingSession(tiny())
    with torch.no_grad():
        session.network.get_parameter("body.stem.weight")[0] = float("nan")
    with pytest.raises(DivergedError, match="loss nan in epoch 1, step 3"):
        session.run_epoch()


@pytest.mark.parametrize("data", [{"train_limit": 300}, {"train_limit": 300, "val_fraction": 0}])
@pytest.mark.parametrize("setting", [{"v_threshold": 1e6}, {"v_threshold": 20.0, "surrogate": "triangle"}])
@pytest.mark.parametrize("gradient", ["rate", "bptt"])
def test_a_network_that_no_gradient_brings_to_life_ends_after_its_first_epoch(
    data: dict[str, Any], setting: dict[str, Any], gradient: str
) -> None:
    session = TrainingSession(quick(neuron=setting, gradient=gradient, data=data))
    with pytest.raises(SilentNetworkError, match=r"no spikes in neuron layer 1, 2.* after epoch 1, and no"):
        session.run_epoch()


def test_a_silent_network_that_comes_alive_is_trained_on() -> None:
    """All of its layers are silent after the first epoch, and all fire after the third."""
    fields = {"model": {"width": 0.25}, "optim": {"epochs": 8, "lr": 0.1, "batch_size": 64}}
    session = TrainingSession(
        make_config({**fields, "T": 2, "gradient": "bptt", "neuron": {"v_threshold": 5.0}})
    )
    rates = [session.run_epoch().firing_rate for _ in range(3)]
    assert set(rates[0]) == {0.0}
    assert all(rate > 0 for rate in rates[2])


def test_a_silent_layer_is_told_at_the_end() -> None:
    session = TrainingSession(quick())
    epoch = session.run_epoch()
    assert session.last_evaluation is not None
    rates = (0.0, *(0.1 for _ in epoch.firing_rate[1:-1]), 0.0)
    session.last_evaluation = replace(session.last_evaluation, firing_rate=rates)
    with pytest.raises(SilentNetworkError, match=rf"no spikes in neuron layer 1, {len(rates)} on the val"):
        session.metrics()


def test_a_layer_is_dead_if_nothing_before_it_changes() -> None:
    """A norm before the second of three layers moves, then none; the third layer has a norm of its own."""
    neuron = make_config({}).neuron
    norms = [nn.BatchNorm2d(2) for _ in range(3)]
    body = nn.Sequential(*(part for norm in norms for part in (norm, LIF(neuron))))
    check = DeadLayerCheck(body)
    check.begin()
    with torch.no_grad():
        norms[1].bias += 1e-9
    assert [check.is_dead([at], 3, 0.1) for at in (1, 2, 3)] == [True, False, False]
    assert not check.is_dead([], 3, 0.1)
    assert not check.is_dead([1], 2, 0.1), "some layer was not run: which is which?"
    check.begin()
    assert check.is_dead([3], 3, 0.1)
    assert not DeadLayerCheck(nn.Sequential(LIF(neuron))).is_dead([1], 1, 0.1), "nothing tells"
    for parameter in norms[0].parameters():
        parameter.requires_grad_(False)
    assert not DeadLayerCheck(body).is_dead([1], 3, 0.1), "frozen by the user"


def test_metrics_after_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    original = TrainingSession.operations

    def count(session: TrainingSession, split: Any) -> dict[str, float]:
        counted.append(len(split))
        return original(session, split)

    monkeypatch.setattr(TrainingSession, "operations", count)
    session = TrainingSession(quick())
    epoch = [session.run_epoch() for _ in range(3)][-1]
    session.save(tmp_path / "c")
    assert counted == []
    metrics = session.metrics()
    assert counted == [144]
    accuracies = metrics.pop("accuracy_at_t")
    assert isinstance(accuracies, list)
    assert accuracies[-1] == metrics["val_accuracy"] == epoch.val_accuracy
    of_training = {name for name, metric in METRICS.items() if metric.known == "training"}
    assert set(metrics) == {*of_training, *BESIDE_ACCURACY}
    assert all(isinstance(metrics[name], float) and metrics[name] > 0 for name in of_training)
    counts = np.bincount(session.data.val.labels.numpy(), minlength=10)
    assert metrics["n_val_samples"] == counts.sum() == 144
    assert metrics["val_largest_class_share"] == pytest.approx(100 * counts.max() / 144)
    assert metrics["n_classes"] == metrics["n_val_classes"] == metrics["n_train_classes"] == 10
    restored = TrainingSession(quick())
    restored.restore(tmp_path / "c")
    assert restored.metrics() == session.metrics()


def test_classes_without_a_training_sample_are_counted() -> None:
    session = TrainingSession(tiny(data={"train_limit": 4}, optim={"epochs": 1, "batch_size": 4, "lr": 0.01}))
    session.run_epoch()
    metrics = session.metrics()
    assert metrics["n_train_classes"] == len(set(session.data.train.labels.tolist())) < 10
    assert metrics["n_val_classes"] == 10


@pytest.mark.parametrize(("confidence", "steps"), [(0.05, 1), (1.0, 2)])
def test_how_sure_a_sample_must_be_is_the_configs(confidence: float, steps: int) -> None:
    session = TrainingSession(tiny(measure={"exit_confidence": confidence}))
    session.run_epoch()
    metrics = session.metrics()
    assert metrics["exit_steps"] == steps
    assert metrics["exit_accuracy"] == metrics["accuracy_at_1" if steps == 1 else "val_accuracy"]


@pytest.mark.parametrize(
    "unknown", [("exit_steps", "exit_accuracy"), ("n_per_class", "right_per_class")], ids=["exits", "classes"]
)
def test_what_a_checkpoint_of_an_earlier_version_did_not_measure_is_measured(
    unknown: tuple[str, str], tmp_path: Path
) -> None:
    session = TrainingSession(tiny())
    session.run_epoch()
    session.save(tmp_path / "c")
    state = json.loads((tmp_path / "c" / STATE).read_text())
    for name in unknown:
        del state["evaluation"][name]
    (tmp_path / "c" / STATE).write_text(json.dumps(state))
    restored = TrainingSession(tiny())
    restored.restore(tmp_path / "c")
    assert restored.last_evaluation == session.last_evaluation
    assert restored.metrics() == session.metrics()


def test_without_validation_data_accuracy_is_unknown() -> None:
    session = TrainingSession(quick(data={"val_fraction": 0, "train_limit": 200}))
    assert math.isnan(session.run_epoch().val_accuracy)
    assert set(session.metrics()) == {"train_time_s"}


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    session = TrainingSession(tiny())
    session.run_epoch()
    session.save(tmp_path / "c")
    with pytest.raises(CheckpointError, match="another config"):
        TrainingSession(tiny(T=3)).restore(tmp_path / "c")
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        TrainingSession(tiny()).restore(tmp_path / "none")
    state = json.loads((tmp_path / "c" / STATE).read_text())
    (tmp_path / "c" / STATE).write_text(json.dumps(state | {"format": 0}))
    with pytest.raises(CheckpointError, match="another version"):
        TrainingSession(tiny()).restore(tmp_path / "c")


def test_a_checkpoint_of_other_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = TrainingSession(tiny())
    session.run_epoch()
    session.save(tmp_path / "c")
    seen: list[Any] = []

    def told(config: Any) -> str:
        seen.append(config)
        return "pixels were others"

    monkeypatch.setattr("snncore.training.session.changed_meaning", told)
    with pytest.raises(CheckpointError, match="of an earlier version; pixels were others"):
        TrainingSession(tiny()).restore(tmp_path / "c")
    assert seen == [json.loads((tmp_path / "c" / STATE).read_text())["config"]]


def test_a_replaced_checkpoint_is_the_new_one(tmp_path: Path) -> None:
    session = TrainingSession(tiny())
    for _ in range(2):
        session.run_epoch()
        session.save(tmp_path / "c")
    fresh = TrainingSession(tiny())
    fresh.restore(tmp_path / "c")
    assert fresh.epochs_trained == 2
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_every_epoch_has_its_learning_rate() -> None:
    config = tiny(optim={"epochs": 3, "batch_size": 40, "warmup_epochs": 1, "schedule": "step"})
    session = TrainingSession(config)
    assert [session.run_epoch().lr for _ in range(3)] == [lr_at(config.optim, epoch) for epoch in (1, 2, 3)]


def test_the_loss_divided_by_T_takes_steps_that_are_T_times_smaller() -> None:  # noqa: N802
    divided, slower = (
        TrainingSession(tiny(optim={"epochs": 3, "batch_size": 40, "momentum": 0.0, **setting}))
        for setting in (
            {"lr": 0.2, "loss_over_T": True, "weight_decay": 0.0},
            {"lr": 0.1, "weight_decay": 0.0},
        )
    )
    assert divided.run_epoch().train_loss == pytest.approx(slower.run_epoch().train_loss)
    for ours, theirs in zip(divided.network.parameters(), slower.network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_device_that_is_not_waited_for_keeps_the_weights_from_before_the_bad_step(name: str) -> None:
    """As on CUDA: the loss of step 2 of 4 is not finite, which is found after the last."""
    config = quick(optim={"name": name, "lr": 0.01, "epochs": 1, "batch_size": 32})
    session = TrainingSession(config)
    trainer = Trainer(config, "cpu", waits=False)
    waiting = Trainer(config, "cpu")
    batches = list(session.batches.epoch(1))[:4]
    for each in (trainer, waiting):
        each.network.train()
        each.step(*batches[0])
        each.check()
    good = {key: value.clone() for key, value in trainer.network.named_parameters()}
    for key, value in waiting.network.named_parameters():  # fused or not, the same step
        torch.testing.assert_close(good[key], value, rtol=1e-5, atol=1e-7)
    loss_function = trainer._loss_function
    factors = iter((1.0, float("nan"), 1.0))

    def spoilt(outputs: Any, labels: Any) -> Any:
        losses = loss_function(outputs, labels)
        return losses._replace(total=losses.total * next(factors))

    trainer._loss_function = spoilt
    for is_good in (True, False, False):
        before = {key: value.clone() for key, value in trainer.network.named_parameters()}
        trainer.step(*batches[1])
        moved = [not torch.equal(value, before[key]) for key, value in trainer.network.named_parameters()]
        assert any(moved) == is_good
    with pytest.raises(NonFiniteLossError, match="loss nan in step 2"):
        trainer.check()
