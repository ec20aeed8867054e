"""Training on digits: it learns, stops when it diverges, and resumes bit by bit."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from snncore.checkpoint import CheckpointError
from snncore.config import Config, make_config
from snncore.errors import DivergedError, SilentNetworkError
from snncore.optim import lr_at
from snncore.rules import BRANCH_MODES, TEMPORAL_MODES
from snncore.session import TrainingSession

QUICK: dict[str, Any] = {
    "T": 2,
    "model": {"width": 0.125},
    "data": {"train_limit": 400},
    "optim": {"epochs": 3, "batch_size": 64, "lr": 0.1},
}


def quick(**fields: Any) -> Config:
    return make_config(QUICK | fields)


def weights(session: TrainingSession) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in session.network.state_dict().items()}


@pytest.mark.parametrize("mode", ["none", *sorted(BRANCH_MODES), *sorted(TEMPORAL_MODES)])
def test_every_mode_learns_and_logs_finite_numbers(mode: str) -> None:
    temporal = mode in TEMPORAL_MODES
    distillation = {"mode": mode, "branches": [1, 2] if mode in BRANCH_MODES else []}
    session = TrainingSession(quick(gradient="bptt" if temporal else "rate", distillation=distillation))
    epochs = [session.run_epoch() for _ in range(3)]
    assert epochs[-1].train_loss < epochs[0].train_loss
    for epoch in epochs:
        assert all(
            math.isfinite(v)
            for v in (epoch.train_loss, epoch.ce, epoch.kd, epoch.val_accuracy, *epoch.firing_rate)
        )
    assert len(epochs[0].reliable_share) == (3 if mode in BRANCH_MODES else 0)
    assert len(epochs[0].firing_rate) == 7


def test_resume_gives_bit_equal_weights(tmp_path: Path) -> None:
    config = quick(distillation={"mode": "reliable", "branches": [1]})
    straight = TrainingSession(config)
    for _ in range(3):
        last = straight.run_epoch()

    first = TrainingSession(config)
    first.run_epoch()
    first.save(tmp_path / "checkpoint")
    second = TrainingSession(config)
    second.restore(tmp_path / "checkpoint")
    assert second.epochs_trained == 1
    second.run_epoch()
    resumed = second.run_epoch()
    assert resumed.val_accuracy == last.val_accuracy
    assert resumed.lr == last.lr
    for (name, ours), theirs in zip(weights(second).items(), weights(straight).values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_adamw_resumes_too(tmp_path: Path) -> None:
    config = quick(optim={"name": "adamw", "lr": 0.01, "epochs": 2})
    straight = TrainingSession(config)
    straight.run_epoch()
    straight.save(tmp_path / "c")
    straight.run_epoch()
    resumed = TrainingSession(config)
    resumed.restore(tmp_path / "c")
    resumed.run_epoch()
    for (name, ours), theirs in zip(weights(resumed).items(), weights(straight).values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_two_trainings_in_one_process_equal_the_same_in_two() -> None:
    code = (
        "import sys, json, torch\n"
        "from tests.snncore.test_session import digest, quick\n"
        "print(json.dumps([digest(quick(seed=int(s))) for s in sys.argv[1:]]))\n"
    )

    def run(*seeds: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code, *seeds], capture_output=True, text=True, check=True
        )
        return list(json.loads(done.stdout))

    assert run("1", "2") == run("1") + run("2")


def digest(config: Config) -> str:
    """A fingerprint of the weights after one epoch."""
    session = TrainingSession(config)
    session.run_epoch()
    flat = torch.cat([tensor.flatten().double() for tensor in session.network.state_dict().values()])
    return flat.numpy().tobytes().hex()[-4000:] + str(float(flat.sum()))


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_touched() -> None:
    session = TrainingSession(quick())
    with torch.no_grad():
        session.network.classifier.bias.fill_(float("inf"))
    before = weights(session)
    with pytest.raises(DivergedError, match="epoch 1, step 1"):
        session.run_epoch()
    parameters = dict(session.network.named_parameters())
    assert all(torch.equal(parameters[name], before[name]) for name in parameters)


def test_a_silent_layer_is_told_at_the_end() -> None:
    session = TrainingSession(quick(neuron={"v_threshold": 1e6}))
    session.run_epoch()
    with pytest.raises(SilentNetworkError, match="no spikes in neuron layer 1, 2"):
        session.metrics()


def test_a_checkpoint_of_another_config_is_refused(tmp_path: Path) -> None:
    session = TrainingSession(quick())
    session.run_epoch()
    session.save(tmp_path / "c")
    with pytest.raises(CheckpointError, match="another config"):
        TrainingSession(quick(T=3)).restore(tmp_path / "c")
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        TrainingSession(quick()).restore(tmp_path / "none")


def test_a_replaced_checkpoint_is_the_new_one(tmp_path: Path) -> None:
    session = TrainingSession(quick())
    for _ in range(2):
        session.run_epoch()
        session.save(tmp_path / "c")
    fresh = TrainingSession(quick())
    fresh.restore(tmp_path / "c")
    assert fresh.epochs_trained == 2
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_the_schedule_is_a_pure_function_of_the_epoch() -> None:
    optim = quick(optim={"lr": 0.4, "epochs": 10}).optim
    assert lr_at(optim, 1) == 0.4
    assert lr_at(optim, 6) == pytest.approx(0.2)
    assert 0 < lr_at(optim, 10) < 0.02


def test_without_validation_data_accuracy_is_unknown() -> None:
    session = TrainingSession(quick(data={"val_fraction": 0, "train_limit": 200}))
    assert math.isnan(session.run_epoch().val_accuracy)
