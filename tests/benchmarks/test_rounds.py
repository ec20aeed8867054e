"""Rows take turns, the better variant is taken, and load is told row by row."""

from __future__ import annotations

import time

import pytest

import benchmarks.rounds
from benchmarks.rounds import Times, cheapest, fastest, interleaved
from benchmarks.rows import Make, Row, Subject
from benchmarks.setting import Setting
from benchmarks.table import add_ratios, timed_row, timed_table
from snncore.measure.timing import ForeignLoad

SETTING = Setting(arch="resnet18", width=0.125, n_classes=10, T=2, batch_size=2, device="cpu")


def test_rows_take_turns_and_warm_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks.rounds, "TURN_S", 1e-9)
    order: list[str] = []
    runs = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    times = interleaved(runs, "cpu", n_rounds=3, n_warmup=1)
    assert order == ["a", "b"] * 4
    assert {name: len(t.times_ms) for name, t in times.items()} == {"a": 3, "b": 3}


def test_a_turn_of_a_short_call_is_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks.rounds, "TURN_S", 0.05)
    times = interleaved({"a": lambda: time.sleep(0.005)}, "cpu", n_rounds=1, n_warmup=0)["a"]
    assert 2 <= len(times.times_ms) <= 10
    assert min(times.times_ms) >= 5
    assert times.turn_s >= 0.05


def test_load_is_told_of_the_rows_it_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks.rounds, "TURN_S", 1e-9)
    busy = iter([0.0, 1.0, 0.0, 1.0])
    monkeypatch.setattr(ForeignLoad, "busy_cores", lambda self: next(busy))
    times = interleaved({"a": lambda: None, "b": lambda: None}, "cpu", n_rounds=2, n_warmup=0)
    assert [(t.busy_cores, t.under_load) for t in times.values()] == [(0.0, False), (1.0, True)]
    rows = [timed_row(name, t, T=2, precision="fp32") for name, t in times.items()]
    add_ratios(rows, "median_ms", "a")
    lines = timed_table(rows).splitlines()[2:]
    assert [line.split("|")[1].strip() for line in lines] == ["a", "b*"]


def variant(seconds: float) -> Make:
    return lambda setting: Subject(lambda: time.sleep(seconds), [])


def test_the_faster_variant_is_taken_and_both_are_told() -> None:
    row = Row("peer", "fp32", {"slow": variant(0.02), "quick": variant(0.001), "slower": variant(0.03)})
    chosen = fastest(row, SETTING)
    assert chosen.variant == "quick"
    assert list(chosen.tried) == ["slow", "quick", "slower"]
    assert min(chosen.tried, key=lambda name: chosen.tried[name]) == "quick"
    only = cheapest(Row("ours", "fp32", {"": variant(0)}), SETTING, lambda _: pytest.fail("no choice"))
    assert (only.variant, only.tried) == ("", {})


def test_ratios_are_those_of_medians_at_the_same_time_steps_and_precision() -> None:
    medians = {
        ("ours fp32", "fp32", 2): [3.0, 6.0, 100.0],
        ("ours bf16", "bf16", 2): [4.0],
        ("floor fp32", "fp32", 2): [4.0],
        ("floor bf16", "bf16", 2): [2.0],
        ("base", "fp32", 2): [12.0],
        ("ours fp32", "fp32", 8): [10.0],
        ("floor fp32", "fp32", 8): [5.0],
    }
    rows = [
        timed_row(name, Times(times_ms, turn_s=1.0), T=T, precision=precision)
        for (name, precision, T), times_ms in medians.items()
    ]
    add_ratios(rows, "median_ms", "base")
    ratios = [(row["to_floor"], row["to_spikingjelly"]) for row in rows]
    assert ratios[:5] == [(1.5, 0.5), (2.0, 4 / 12), (1.0, 4 / 12), (1.0, 2 / 12), (3.0, 1.0)]
    assert ratios[5:] == [(2.0, None), (1.0, None)]
    assert (rows[0]["q25_ms"], rows[0]["q75_ms"]) == (4.5, 53.0)
    assert "| ours fp32 | 6.0 | 4.5-53.0 | 1.50 | 0.50 | 3 |" in timed_table(rows)
