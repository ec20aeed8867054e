"""What docs/reports.md says is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports.html.figure import colour, column, curve, scale
from reports.page import page
from reports.params.forest import MIN_TRIALS
from reports.params.importance import WEAK
from studies.record import write_study
from tests.reports.studies_for_tests import digits_study

TEXT = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(digits_study(10), tmp_path / "runs" / "demo")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert len(blocks) == 1
    exec(blocks[0], {})
    assert (tmp_path / "runs" / "demo" / "report.html").is_file()


def test_sections_stand_in_the_table_of_the_docs() -> None:
    sections = re.findall(r"<h2[^>]*>([^<]*)<", page(digits_study(10), Path("runs/x")))
    assert re.findall(r"^\| (\w[^|]*?) \|", TEXT, flags=re.MULTILINE) == ["section", "head", *sections]


def test_numbers_and_calls_of_the_docs() -> None:
    assert f"Fewer than {MIN_TRIALS} trials that know the objective" in TEXT
    assert f"below {WEAK} the order" in TEXT
    for call in re.findall(r"`((?:column|curve|colour|scale)\(.*?\))`", TEXT):
        assert isinstance(
            eval(call, {"column": column, "curve": curve, "colour": colour, "scale": scale}), dict
        )
