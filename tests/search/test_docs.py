"""The page about this room tells the truth."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.config_key import resolve
from search.propose.samplers import SAMPLERS
from search.run import _parser
from search.worker import trial_run as trial_run_module
from search.worker.jobs import Job
from search.worker.trial_run import TrialRun
from studies.model import STATES
from tests.search.fakes import make_space

PAGE = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")


def _table(heading: str) -> list[str]:
    """The first column of the table under a header row."""
    rows = PAGE[PAGE.index(heading) :].partition("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_it_names_every_option_and_no_other() -> None:
    options = {text for action in _parser()._actions for text in action.option_strings} - {"-h", "--help"}
    assert {text.split()[0] for text in _table("| option | meaning |")} == options


def test_it_names_every_sampler_and_no_other() -> None:
    assert set(_table("| name | what it is |")) == set(SAMPLERS)


def test_it_names_every_state_and_no_other() -> None:
    assert set(_table("| recorded as | when |")) == set(STATES)


def test_its_commands_parse() -> None:
    (block,) = re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    commands = [line.partition("#")[0].split() for line in block.splitlines()]
    runs = [words[3:] for words in commands if words[:3] == ["python", "-m", "search.run"]]
    assert len(runs) == 3
    for words in runs:
        _parser().parse_args(words)


def test_its_trainer_runs_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"SimpleNamespace": SimpleNamespace}
    exec(code, names)
    monkeypatch.setattr(trial_run_module, "load_trainer", lambda name, *rest: names[name](*rest))
    config, _ = resolve(make_space(), {"T": 2, "model.width": 1.0})
    trial_run = TrialRun(Job(0, config, 2, str(tmp_path / "trial-0000"), trainer="Constant"))
    reports = [trial_run.step() for _ in range(4)]
    assert [report.kind for report in reports] == ["probe", "epoch", "epoch", "end"]
    assert reports[-1].metrics["val_accuracy"] == 50.0
    assert reports[-1].metrics["train_memory_mib"] == 20.0
