from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from studies import export, show, tensorboard
from studies.record import write_study
from tests.studies.make import make_study, make_trial

PAGE = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
PYTHON, COMMANDS = re.findall(r"```python\n(.*?)```", PAGE, re.S), re.findall(r"^python -m (.*)$", PAGE, re.M)

MAINS = {"studies.show": show.main, "studies.export": export.main, "studies.tensorboard": tensorboard.main}


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trials = [make_trial(0, (90.0, 40.0, 2.0)), make_trial(1, (95.0, 80.0, 4.0)), make_trial(2)]
    write_study(make_study(trials), tmp_path / "runs" / "digits")


def test_the_python_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(PYTHON) == 1
    exec(PYTHON[0], {})
    assert capsys.readouterr().out.startswith("[0, 1] (89.5, 84.0, 4.2)\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_page_run(command: str) -> None:
    module, *arguments = shlex.split(command)
    assert MAINS[module](arguments) == 0
    assert "--out" not in arguments or Path(arguments[arguments.index("--out") + 1]).exists()


def test_the_page_has_its_commands() -> None:
    assert len(COMMANDS) == 7
