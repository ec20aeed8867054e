"""What importing a room costs: the arrows between rooms hold at run time too, not only in the source."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    *("torch", "ray", "optuna", "plotly", "pyarrow", "pandas", "sklearn", "spikingjelly", "torchvision"),
    *("matplotlib", "tensorboard"),
)


def loaded_by(statement: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after `statement`."""
    code = f"import sys\n{statement}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import spikefront.command, spikefront.files, spikefront.yaml_file", set()),
        ("import spaces", set()),
        ("import snncore, snncore.config, snncore.rules, snncore.metrics", set()),
        ("import snncore.data.specs, snncore.data.missing", set()),
        ("import studies.pareto", set()),
        ("import studies.show, studies.export, studies.tensorboard", {"pyarrow"}),
        ("import reports.build", {"plotly", "pyarrow", "sklearn", "pandas"}),
        ("import search.cli", set()),
        ("import search.checker", set()),
        ("import search.course, search.trainer", set()),
        ("import search.trainable", {"ray", "pyarrow", "pandas"}),
    ],
)
def test_a_room_loads_only_what_it_may(statement: str, allowed: set[str]) -> None:
    assert loaded_by(statement) <= allowed


def test_a_trial_on_digits_loads_no_more_than_torch() -> None:
    statement = (
        "from snncore.config import make_config\n"
        "from snncore.session import TrainingSession\n"
        "TrainingSession(make_config({}))"
    )
    assert loaded_by(statement) == {"torch"}
