from __future__ import annotations

import math
from typing import Any

import pytest

from studies.replicates import Spread
from studies.text import (
    base_name,
    decimals,
    heading,
    is_under_load,
    named_trials,
    one_line,
    params_text,
    spread_text,
    state_counts,
    unit,
    with_unit,
)
from tests.studies.make import make_study, make_trial


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("val_accuracy", "%"),
        ("train_memory_mib", "MiB"),
        ("latency_ms", "ms"),
        ("train_time_s", "s"),
        ("energy_uj", "µJ"),
        ("n_parameters", ""),
        ("macs", ""),
        ("s", ""),
    ],
)
def test_the_unit_is_read_from_the_name(name: str, expected: str) -> None:
    assert unit(name) == expected


def test_headings_have_a_word_a_line_and_the_unit_below() -> None:
    assert heading("train_memory_mib") == "train\nmemory\n(MiB)"
    assert heading("val_accuracy") == "val\naccuracy\n(%)"
    assert heading("macs") == "macs"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("val_accuracy", 97, "97.00 %"),
        ("train_memory_mib", 1234.5678, "1,235 MiB"),
        ("latency_ms", 0.12345, "0.123 ms"),
        ("latency_ms", 0.0, "0 ms"),
        ("latency_ms", float("nan"), "nan ms"),
        ("n_parameters", 12582912, "12,582,912"),
        ("macs", 1e20, "1.00e+20"),
        ("latency_under_load", True, "yes"),
    ],
)
def test_numbers_are_written_for_people(name: str, value: Any, expected: str) -> None:
    assert with_unit(name, value) == expected


def test_quartiles_and_quiet_measurements_have_the_unit_of_their_metric() -> None:
    names = ["latency_ms_q25", "latency_ms_quiet", "latency_ms_quiet_q75"]
    assert [base_name(name) for name in names] == ["latency_ms"] * 3
    assert [unit(name) for name in names] == ["ms"] * 3
    assert base_name("a_quiet_place_s") == "a_quiet_place_s"


def test_only_the_searchs_own_latency_can_be_under_load() -> None:
    trial = make_trial(0, metrics={"latency_under_load": True})
    names = ("latency_ms", "latency_ms_quiet", "train_step_ms")
    assert [is_under_load(trial, name) for name in names] == [True, False, False]


def test_a_spread_is_told_with_its_n() -> None:
    assert spread_text("val_accuracy", Spread(91.2, 0.4, 3)) == "91.20 ± 0.40 (n = 3)"
    assert spread_text("energy_uj", Spread(12.345, 0.056, 2)) == "12.3 ± 0.0560 (n = 2)"


def test_trials_in_a_sentence() -> None:
    assert [named_trials(list(range(n))) for n in (1, 2, 3)] == [
        "trial 0",
        "trials 0 and 1",
        "trials 0, 1 and 2",
    ]
    assert named_trials(list(range(11))) == "trials 0, 1, 2, 3, 4, 5, 6, 7 and 3 others"


def test_replicates_are_counted_apart() -> None:
    trials = [
        make_trial(0, (90.0, 1.0, 1.0)),
        make_trial(1, state="running", reason=None),
        make_trial(2, (91.0, 1.0, 1.0), replicate_of=0),
        make_trial(3, state="failed", reason="x", replicate_of=0),
    ]
    assert state_counts(make_study(trials)) == (
        "2 trials: 1 complete, 1 running; 2 replicates: 1 complete, 1 failed (1 x)"
    )


def test_params_follow_the_space_and_lose_what_is_not_needed_of_their_names() -> None:
    params = {"b.lr": 0.123456, "distillation.branches": "", "T": 3, "a.lr": None}
    assert params_text(params, ["T", "distillation.branches", "optim.name"]) == (
        'T=3 branches="" b.lr=0.123 a.lr=None'
    )
    assert params_text({}) == ""


def test_states_are_counted_with_the_kinds_of_their_reasons() -> None:
    trials = [
        make_trial(0, (90.0, 1.0, 1.0)),
        make_trial(1, reason="latency_ms 7.31 > 5"),
        make_trial(2, reason="latency_ms 1.2e+03 > 5"),
        make_trial(3, reason="diverged: loss nan in epoch 3, step 4"),
        make_trial(4, state="stopped", reason="rank 5 of 6"),
        make_trial(5, state="failed", reason=None),
    ]
    assert state_counts(make_study(trials)) == (
        "6 trials: 1 complete, 1 stopped, 3 infeasible (2 latency_ms > 5, 1 diverged), 1 failed"
    )
    assert state_counts(make_study([])) == "0 trials"
    assert state_counts(make_study(trials[:1])) == "1 trial: 1 complete"


def test_many_kinds_of_reasons_are_cut() -> None:
    trials = [make_trial(n, state="failed", reason=f"E{n}") for n in range(7)]
    assert state_counts(make_study(trials)).endswith("(1 E0, 1 E1, 1 E2, 1 E3, 1 E4, ...)")


def test_one_line_obeys_no_control_characters() -> None:
    assert one_line("a\n  b\x1b[31m\tc") == "a b?[31m c"
    assert one_line("x" * 100, longest=10) == "xxxxxxx..."


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (90.625, 2, "90.63"),
        (-90.625, 2, "-90.63"),
        (9.995, 2, "10.00"),
        (1.005, 2, "1.01"),
        (12.25, 1, "12.3"),
        (102.5, 0, "103"),
        (12345.678, 1, "12,345.7"),
        (1e-9, 2, "0.00"),
        (7, 2, "7.00"),
        (math.inf, 2, "inf"),
    ],
)
def test_ties_go_away_from_zero_as_a_reader_reckons(value: float, places: int, text: str) -> None:
    assert decimals(value, places) == text


def test_many_trials_are_counted_in_a_sentence() -> None:
    assert named_trials(range(9)) == "trials 0, 1, 2, 3, 4, 5, 6, 7 and 1 other"
    assert named_trials(range(10)).endswith(" 7 and 2 others")


@pytest.mark.parametrize("value", [1e300, -1e16, 1e26, 2**62, 1.7e308, 1e15])
def test_enormous_numbers_are_written_short(value: float) -> None:
    assert len(decimals(value, 2)) < 12
