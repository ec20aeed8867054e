"""The spaces in the package: each loads, and nothing it can propose is refused by the trainer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from snncore.config.load import make_config
from spaces import RandomDraw, Space, load_space, packaged_names, suggest
from tests.spaces.helpers import TRAINER, written

PARAMS = {
    "T",
    "distillation.mode",
    "distillation.branches",
    "distillation.reliability_threshold",
    "distillation.alpha",
    "distillation.beta",
}
BRANCH_PARAMS = {"distillation.branches", "distillation.reliability_threshold", "distillation.alpha"}
WITHOUT_BRANCHES = {"shd", "dvs_gesture"}  # a network without stages, and a recipe between time steps


@pytest.fixture(params=packaged_names())
def space(request: pytest.FixtureRequest) -> Space:
    return load_space(request.param, TRAINER)[0]


def test_it_carries_its_name_and_searches_the_six_params(space: Space) -> None:
    assert space.name in packaged_names()
    assert set(space.search) > (PARAMS - BRANCH_PARAMS if space.name in WITHOUT_BRANCHES else PARAMS)
    assert list(space.objectives) == ["val_accuracy", "train_memory_mib", "latency_ms"]


def test_all_that_it_suggests_can_be_trained(space: Space) -> None:
    draw = RandomDraw(np.random.default_rng(0))
    modes = set()
    for _ in range(300):
        params = suggest(space, draw)
        config = space.resolve(params)
        assert TRAINER.problems(config) == []
        made = make_config(config)
        assert made.data.name == space.name.removesuffix("_events")
        modes.add(made.distillation.mode)
    assert modes == set(space.search["distillation.mode"].values())


def test_it_survives_being_written(space: Space, tmp_path: Path) -> None:
    assert load_space(str(written(space, tmp_path / "again.yaml")), TRAINER) == (space, [])


def test_the_demo_is_large_enough_and_no_trial_is_stopped_at_once() -> None:
    space = load_space("digits", TRAINER)[0]
    assert space.budget.trials >= 24
    assert space.fidelity is not None
    assert 1 < space.fidelity.min_epochs < space.base["optim"]["epochs"]


@pytest.mark.parametrize("name", packaged_names())
def test_one_epoch_can_be_asked_for(name: str) -> None:
    space, notes = load_space(name, TRAINER, {"optim.epochs": 1})
    assert space.base["optim"]["epochs"] == 1
    assert notes == []


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, spaces, search.checker; "
        "spaces.load_space('digits', search.checker.TrainerChecker()); "
        "print(sorted({'torch', 'ray', 'optuna', 'pandas', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
