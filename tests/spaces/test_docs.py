"""The page about this room tells the truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from spaces import SAMPLERS
from tests.spaces.helpers import load, mistakes_in

PAGE = (Path(__file__).parents[2] / "docs" / "spaces.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_its_space_loads(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    assert load(tmp_path, text).name == "small"


def test_its_code_runs() -> None:
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["config"]["optim"]["epochs"] == 2
    assert set(names["params"]) >= {"T", "distillation.mode"}


def test_its_message_is_the_real_one(tmp_path: Path) -> None:
    (shown,) = blocks("text")
    text = (
        "name: x\nobjectives: {val_accuracy: maximize}\nsearch:\n"
        "  distillation.mode: {choice: [none, reliable, strong2weak]}\n"
        "  gradient: {choice: [rate, bptt]}\n"
        "  distillation.branches: {subset: [1, 2]}\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert f"x.yaml:{mistake.line}: {mistake.key}: {mistake.message}" == " ".join(shown.split())


def test_it_names_every_sampler() -> None:
    assert all(name in PAGE for name in SAMPLERS)
