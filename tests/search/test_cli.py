"""The `spikefront` command: its verbs, what they hand over, and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from search.cli import app
from search.terminal.doctor import Finding, examine, listening

VERBS = ["run", "show", "report", "compare", "live", "export", "train", "evaluate", "data", "doctor"]


def test_the_help_lists_every_verb() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for verb in VERBS:
        assert f"  {verb}" in result.output


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        ("run", "--space"),
        ("show", "run"),
        ("report", "run"),
        ("compare", "--reference"),
        ("live", "--port"),
        ("export", "--pick"),
        ("train", "--resume"),
        ("evaluate", "--split"),
    ],
)
def test_a_verb_shows_the_options_of_its_module(
    verb: str, option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = CliRunner().invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert option in result.output + capfd.readouterr().out


def test_exit_codes_are_handed_through(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["train", str(tmp_path / "none.yaml")]).exit_code == 2


def test_digits_need_no_fetching(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "digits", "--root", str(tmp_path)])
    assert result.exit_code == 0
    assert not list(tmp_path.iterdir())


def test_an_unknown_data_set_is_bad_input(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "digit", "--root", str(tmp_path)])
    assert result.exit_code == 2
    assert "digits" in result.output


def test_the_doctor_says_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("search.terminal.doctor._ray", lambda: iter([Finding("ray", "starts")]))
    assert examine(tmp_path / "data", tmp_path / "runs") == 0
    out = capsys.readouterr().out
    assert "torch" in out
    assert "data: digits" in out
    assert "spikefront data fashion_mnist" in out
    assert not (tmp_path / "runs").exists()


def test_a_fault_is_named_and_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise OSError("no room for Ray")

    monkeypatch.setattr("search.terminal.doctor._ray", broken)
    assert examine(tmp_path, tmp_path) == 1
    assert "no room for Ray" in capsys.readouterr().out


def test_the_doctor_tells_what_listens() -> None:
    alone = listening([("raylet", "::ffff:127.0.0.1"), ("gcs_server", "::1"), ("python", "127.0.0.1")])
    assert alone.level == "ok"
    assert alone.found == "on this machine alone (127.0.0.1): gcs_server, python, raylet"
    for address in ("::", "0.0.0.0", "10.0.0.1", "::ffff:10.0.0.1"):
        open_to_all = listening([("raylet", address), ("python", "127.0.0.1")])
        assert open_to_all.level == "note"
        assert open_to_all.found.endswith(f": raylet on {address}")
