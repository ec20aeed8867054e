"""What importing a room costs: the arrows between rooms hold at run time too, not only in the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.imports import ROOMS, imports_of, modules

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
        ("import snncore, snncore.config.schema, snncore.config.rules, snncore.config.metrics", set()),
        ("import snncore.data.specs, snncore.data.missing", set()),
        ("import studies.pareto", set()),
        ("import studies.show, studies.export, studies.tensorboard", {"pyarrow"}),
        ("import reports.build", {"plotly", "pyarrow", "sklearn", "pandas"}),
        ("import search.cli", set()),
        ("import search.checker", set()),
        ("import search.worker.trial_run, search.worker.trainer", set()),
        ("import search.tune.trainable", {"ray", "pyarrow", "pandas"}),
    ],
)
def test_a_room_loads_only_what_it_may(statement: str, allowed: set[str]) -> None:
    assert loaded_by(statement) <= allowed


def test_a_trial_on_digits_loads_no_more_than_torch() -> None:
    statement = (
        "from snncore.config.load import make_config\n"
        "from snncore.training.session import TrainingSession\n"
        "TrainingSession(make_config({}))"
    )
    assert loaded_by(statement) == {"torch"}


ROOT = Path(__file__).parents[1]


def test_no_module_is_part_of_an_import_circle() -> None:
    known = modules(ROOT)
    left = {name: imports_of(path, known) for name, path in known.items()}
    while free := {name for name, wanted in left.items() if not wanted & left.keys()}:
        left = {name: wanted for name, wanted in left.items() if name not in free}
    assert left == {}, "each of these is in a circle, or imports one that is"


def test_a_circle_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f():\n    from b import g\n")
    (tmp_path / "b.py").write_text("import a.c\nfrom a import c\n")
    assert imports_of(tmp_path / "a.py", {"a", "b"}) == {"b"}
    assert imports_of(tmp_path / "b.py", {"a", "a.c"}) == {"a.c"}


def test_folders_stay_small_enough_to_look_through() -> None:
    folders = Counter(path.parent.relative_to(ROOT).as_posix() for path in modules(ROOT).values())
    most = {"search": 12, "snncore": 12, "reports": 6, "spaces": 22, "studies": 28}
    assert {folder: n for folder, n in folders.items() if n > most.get(folder, 20)} == {}


@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_says_what_lives_there(room: str) -> None:
    for path in (ROOT / room).rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert text, path
        assert 20 < len(text.split("\n\n")[0]) < 250, path
