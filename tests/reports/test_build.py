"""The file: written whole, offline, for every study; and the command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reports.build import build_report, main
from reports.page import page
from studies.record import write_study
from tests.reports.html.test_markup import Reader
from tests.reports.studies_for_tests import ODD, digits_study

PLOTLY_MB = 4.82e6


@pytest.mark.parametrize("name", ODD)
def test_every_study_gets_a_page(name: str, tmp_path: Path) -> None:
    path = build_report(ODD[name](), tmp_path / name)
    assert path == tmp_path / name / "report.html"
    text = path.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</html>")
    assert "{{sections}}" not in text
    assert [file.name for file in path.parent.iterdir()] == ["report.html"], "no leftovers"


@pytest.mark.parametrize("name", ["hostile", "none", "five_objectives"])
def test_the_page_loads_nothing_and_runs_only_its_own_scripts(name: str) -> None:
    read = Reader(page(ODD[name](), Path("runs/x")))
    assert [attributes for tag, attributes in read.elements if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
        {},
    ]
    assert not [tag for tag, attributes in read.elements if {"src", "srcset"} & set(attributes)]
    assert not [tag for tag, _ in read.elements if tag in ("img", "link", "iframe", "object")]
    links = [attributes["href"] for tag, attributes in read.elements if "href" in attributes]
    assert links
    assert all(link and link.startswith("#") for link in links)
    policy = next(a["content"] for t, a in read.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.split(";")[1]


def test_the_page_is_small_beside_plotly_and_holds_its_data_once() -> None:
    study = digits_study(60)
    text = page(study, Path("runs/x"))
    assert len(text) < PLOTLY_MB + 350_000
    best = repr(max(t.values["val_accuracy"] for t in study.trials if t.values))
    numbers = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert numbers is not None
    data = json.loads(numbers[1])
    assert json.dumps(data["columns"]).count(best) >= 1
    assert best not in json.dumps(data["figures"]["front-1"])


def test_the_same_study_gives_the_same_page() -> None:
    assert page(digits_study(20), Path("runs/x")) == page(digits_study(20), Path("runs/x"))


def test_the_command_builds_from_the_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_study(digits_study(12), tmp_path)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"
    assert "digits" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_bad_input_is_told_in_one_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "nothing" in told.err
    assert "Traceback" not in told.err
    write_study(digits_study(3), tmp_path)
    (tmp_path / "trials.parquet").write_bytes(b"PAR1")
    assert main([str(tmp_path)]) == 2
    assert "trials.parquet" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "RUN" in capsys.readouterr().err


def test_a_failing_build_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = build_report(ODD["one"](), tmp_path).read_bytes()

    def fail(*_: object) -> str:
        raise ValueError("no page")

    monkeypatch.setattr("reports.build.page", fail)
    with pytest.raises(ValueError, match="no page"):
        build_report(ODD["two"](), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == old


def test_half_a_surrogate_pair_does_not_stop_the_report(tmp_path: Path) -> None:
    study = ODD["one"]()
    broken = study.info.__class__("a\ud800b", study.info.space, study.info.objectives)
    path = build_report(study.__class__(broken, study.trials), tmp_path)
    assert "<h1>a?b</h1>" in path.read_text(encoding="utf-8")


def test_importing_the_room_loads_neither_torch_nor_sklearn() -> None:
    code = (
        "import sys, reports.build\n"
        "print([name for name in ('torch', 'ray', 'optuna', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
