"""Trainings that die: what is left loads, and continues as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from snncore.final_training import CHECKPOINT, EPOCHS
from snncore.training.session import TrainingSession
from tests.snncore.killed_worker import config

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_kill_9_at_twenty_moments_leaves_what_loads_and_resumes(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "tests.snncore.killed_worker", str(folder), "20"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    reached = json.loads(done.stdout)
    assert len(reached) == 20
    assert reached == sorted(reached)  # no life loses what an earlier one kept
    assert len(set(reached)) >= 5

    survived = TrainingSession(config())
    survived.restore(folder / CHECKPOINT)
    straight = TrainingSession(config())
    for _ in range(reached[-1]):
        last = straight.run_epoch()
    for name in ("network", "predictor"):
        ours, theirs = (getattr(s.trainer, name).state_dict() for s in (survived, straight))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs), name
    rows = [json.loads(line) for line in (folder / EPOCHS).read_text().splitlines()]
    assert [row["epoch"] for row in rows][: reached[-1]] == list(range(1, reached[-1] + 1))
    assert rows[reached[-1] - 1]["train_loss"] == last.train_loss
