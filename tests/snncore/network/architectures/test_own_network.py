"""A user's own factory: the one docs show, and mistakes in one, each told by its field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from snncore.config.load import make_config
from snncore.errors import ConfigError
from snncore.network.network import build_network
from snncore.training.session import TrainingSession
from tests.snncore.network.architectures.networks import OWN

DOCS = Path(__file__).parents[4] / "docs" / "architectures.md"
FILE = Path(__file__).with_name("own_network.py")

none_at_all = None
a_number = 3


def returns_text(*_: Any) -> Any:
    return "a network"


def without_stages(*_: Any) -> nn.Module:
    return nn.Linear(1, 1)


def with_a_list_of_stages(*_: Any) -> nn.Module:
    body = nn.Linear(1, 1)
    body.stage_channels = [1, 2]  # type: ignore[assignment]
    return body


def test_docs_show_the_tested_network() -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert FILE.read_text(encoding="utf-8") in blocks


def test_the_network_of_the_docs_learns() -> None:
    fields: dict[str, Any] = {
        "model": {"arch": OWN},
        "data": {"train_limit": 600},
        "distillation": {"mode": "reliable", "branches": [1, 2]},
        "optim": {"epochs": 3, "batch_size": 32},
    }
    session = TrainingSession(make_config(fields))
    first, _, last = (session.run_epoch() for _ in range(3))
    assert len(first.reliable_share) == 3
    assert len(first.firing_rate) == 2
    assert last.train_loss < 0.95 * first.train_loss
    assert last.train_accuracy > 2 * first.train_accuracy


def test_it_can_stand_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_network_of_a_user.py").write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    network = build_network(make_config({"model": {"arch": "own_network_of_a_user:build"}}))
    assert network.body.stage_channels == (16, 32)


HERE = "tests.snncore.network.architectures.test_own_network"


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        ("no_such_module:build", r"cannot be imported: No module named 'no_such_module'"),
        (f"{HERE}:no_such_name", r"cannot be imported: .* has no attribute 'no_such_name'"),
        (f"{HERE}:none_at_all", r"is not callable"),
        (f"{HERE}:a_number", r"is not callable"),
        (f"{HERE}:returns_text", r"made a str, should make a torch\.nn\.Module"),
        (f"{HERE}:without_stages", r"stage_channels is None, should be a tuple"),
        (f"{HERE}:with_a_list_of_stages", r"stage_channels is \[1, 2\], should be a tuple"),
    ],
)
def test_a_mistake_is_told_with_its_field(arch: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.arch: {re.escape(arch)}:? .*{message}"):
        build_network(make_config({"model": {"arch": arch}}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def build(:\n", r"SyntaxError: .* \(.*broken_0\.py, line 1\)"),
        ("x = 1\ny = x / 0\n", r"ZeroDivisionError: division by zero \(.*broken_1\.py, line 2\)"),
        ("import sys\nsys.exit('bye')\n", r"SystemExit: bye \(.*broken_2\.py, line 2\)"),
        ("import no_such_thing\n", r"No module named 'no_such_thing' \(.*broken_3\.py, line 1\)"),
    ],
)
def test_whatever_the_module_raises_is_told_in_one_line(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    name = f"broken_{re.search(r'broken_(.)', message)[1]}"  # type: ignore[index]
    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=rf"model\.arch: {name}:build: cannot be imported: {message}"):
        build_network(make_config({"model": {"arch": f"{name}:build"}}))


def test_a_stage_it_does_not_have_is_refused() -> None:
    config = make_config({"model": {"arch": OWN}, "distillation": {"mode": "reliable", "branches": [3]}})
    with pytest.raises(ConfigError, match=r"distillation\.branches: got \[3\], .* has 2 stages"):
        build_network(config)
