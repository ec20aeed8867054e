"""The stopwatch against a clock that stands still, and one short trial through the real code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import benchmarks.surroundings
import search.worker.trial_run
from benchmarks import trial
from benchmarks.trial_parts import PARTS, REST, STEPS, Stopwatch, instrumented


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told(watch: Stopwatch) -> dict[str, float]:
    return {name: seconds for name, seconds in watch.lap().items() if seconds}


def test_the_innermost_part_is_charged() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now = 1
    with watch.part("epochs"):
        clock.now = 3
        with watch.part("batches"):
            clock.now = 7
        clock.now = 15
    clock.now = 31
    assert told(watch) == {REST: 17, "epochs": 10, "batches": 4}
    assert told(watch) == {}


def test_a_whole_part_keeps_what_is_inside() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    with watch.part("probe", whole=True):
        clock.now = 1
        with watch.part("batches"), watch.part("epochs"):
            clock.now = 3
    assert told(watch) == {"probe": 3}


def test_a_part_that_fails_is_closed() -> None:
    clock = Clock()
    watch = Stopwatch(clock)

    def fail() -> None:
        clock.now = 2
        raise KeyError("broken")

    with watch.part("probe"), pytest.raises(KeyError, match="broken"), watch.part("batches"):
        fail()
    clock.now = 3
    assert told(watch) == {"batches": 2, REST: 1}


def test_the_real_code_is_as_it_was_afterwards() -> None:
    before = search.worker.trial_run._as_row
    with instrumented(Stopwatch()):
        assert search.worker.trial_run._as_row is not before
    assert search.worker.trial_run._as_row is before


@pytest.mark.slow
def test_a_trial_is_told_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trial, "EPOCHS", 2)
    monkeypatch.setattr(benchmarks.surroundings, "LOOK_S", 0.0)
    path = tmp_path / "trial.json"
    assert trial.main(["--networks", "smallest", "--trials", "1", "--allow-load", "--json", str(path)]) == 0
    table = capsys.readouterr().out
    assert all(f"| {name} |" in table for name in PARTS)
    (result,) = json.loads(path.read_text())["rows"]
    seconds = result["seconds"]
    assert list(seconds) == list(PARTS)
    assert sum(seconds.values()) == pytest.approx(result["total"])
    assert all(seconds[name] > 0 for name in PARTS if name != "driver"), seconds
    assert sum(seconds[name] for name in STEPS) / result["total"] == pytest.approx(result["steps_share"])
