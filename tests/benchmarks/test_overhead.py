"""The sum of the overhead against times made up for it, and asks in a small study."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import benchmarks.surroundings
from benchmarks import overhead
from benchmarks.overhead import Ended


def test_what_is_left_when_sleep_is_taken_off() -> None:
    """Two slots, each trial sleeps 1 s and takes 1.25: 0.125 s of wall time a trial."""
    ends = [Ended(100.0 + 1.25 * turn + 0.1 * slot, 1.0) for turn in range(1, 12) for slot in range(2)]
    slow_start = [Ended(50.0, 1.0), Ended(60.0, 1.0)]
    assert overhead.overhead(ends, 2) == pytest.approx(0.125, abs=1e-9)
    assert overhead.overhead(slow_start + ends, 2) == pytest.approx(0.125, abs=0.01)
    assert overhead.overhead(list(reversed(ends)), 2) == overhead.overhead(ends, 2)


def test_asks_and_ends_are_timed_in_a_filled_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmarks.surroundings, "LOOK_S", 0.1)
    path = tmp_path / "overhead.json"
    options = ["--trials", "0", "--samplers", "random,tpe", "--recorded", "30", "--asks", "4", "--allow-load"]
    assert overhead.main([*options, "--json", str(path)]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [(row["sampler"], row["n_recorded"], row["n"]) for row in rows] == [
        ("random", 30, 4),
        ("tpe", 30, 4),
    ]
    assert all(0 < row["ask_ms"] <= row["ask_max_ms"] and row["tell_ms"] > 0 for row in rows)
    shown = capsys.readouterr().out
    assert "| random | 30 |" in shown
    assert "ray 2." in shown


@pytest.mark.slow
def test_the_engine_and_its_peers_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmarks.surroundings, "LOOK_S", 0.1)
    options = ["--trials", "10", "--fresh-trials", "6", "--sleep-ms", "10", "--rounds", "1", "--asks", "0"]
    assert overhead.main([*options, "--allow-load", "--json", str(tmp_path / "overhead.json")]) == 0
    rows = json.loads((tmp_path / "overhead.json").read_text())["rows"]
    seconds = {row["name"]: row["seconds"][0] for row in rows}
    assert seconds["ours"] < seconds["Ray Tune + OptunaSearch, default"]
