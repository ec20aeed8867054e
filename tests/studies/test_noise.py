from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.model import Direction, Objective, Study, Trial
from studies.noise import near_front, noises, seed_spread
from studies.pareto import front, rankable
from studies.remarks import near_remark, noise_remark
from studies.replicates import spreads
from tests.studies.make import REPEATABLE, make_study, make_trial

ACCURACY, LATENCY = Objective("val_accuracy", "maximize"), Objective("latency_ms", "minimize")


def trial(number: int, accuracy: float, latency: float, half: float = 0.0, **changes: Any) -> Trial:
    """A trial whose quartiles lie `half` to both sides of its latency."""
    values = {"val_accuracy": accuracy, "latency_ms": latency}
    quartiles = {"latency_ms_q25": latency - half, "latency_ms_q75": latency + half}
    changes = {"state": "complete", "values": values, "metrics": values | quartiles} | changes
    return make_trial(number, **changes)


def study_of(*trials: Trial) -> Study:
    return make_study(trials, (ACCURACY, LATENCY))


def numbers(study: Study) -> list[int]:
    return [near.trial.number for near in near_front(study)]


def test_without_noise_every_dominated_trial_is_dominated() -> None:
    study = study_of(trial(0, 90.0, 1.0), trial(1, 89.9999, 1.0), trial(2, 90.0, 1.0001))
    assert numbers(study) == []
    assert near_front(make_study([])) == []


def test_accuracy_within_two_standard_errors_of_the_difference_is_in_doubt() -> None:
    # Three seeds of sd 1: a mean of standard error 1/sqrt(3) against one training of the pooled sd 1.
    seeds = [trial(1, 89.0, 1.0, replicate_of=0), trial(2, 91.0, 1.0, replicate_of=0)]
    limit = 2 * math.sqrt(1 + 1 / 3)
    for gap, expected in ((limit - 0.01, [9]), (limit + 0.01, [])):
        study = study_of(trial(0, 90.0, 1.0), *seeds, trial(9, 90.0 - gap, 1.0))
        assert numbers(study) == expected
    study = study_of(trial(0, 90.0, 1.0), *seeds, trial(9, 89.0, 1.0))
    (near,) = near_front(study)
    assert (near.dominated_by, near.in_doubt) == (0, ("val_accuracy",))
    assert [(noise.source, noise.typical) for noise in noises(study)] == [
        ("replicates", 1.0),
        ("timings", 0.0),
    ]


def test_the_mean_over_seeds_counts_not_the_lucky_original() -> None:
    seeds = [trial(1, 88.0, 1.0, replicate_of=0), trial(2, 88.5, 1.0, replicate_of=0)]
    study = study_of(trial(0, 95.0, 1.0), *seeds, trial(3, 90.5, 1.0))
    assert [found.number for found in front(study)] == [0], "the front is made of recorded values"
    assert numbers(study) == [3]


def test_latencies_whose_quartiles_overlap_are_in_doubt() -> None:
    far = study_of(trial(0, 95.0, 1.0, 0.05), trial(1, 60.0, 1.2, 0.05))
    assert numbers(far) == []
    near = study_of(trial(0, 95.0, 1.0, 0.05), trial(1, 60.0, 1.09, 0.05))
    assert [(one.dominated_by, one.in_doubt) for one in near_front(near)] == [(0, ("latency_ms",))]


def test_one_measurement_does_not_differ_from_itself() -> None:
    shared = study_of(trial(0, 95.0, 1.0, 0.05), trial(1, 60.0, 1.0, 0.05))
    assert numbers(shared) == [], "a cached probe gives both one latency"


def test_a_quiet_measurement_far_off_widens_the_range() -> None:
    fast = trial(0, 95.0, 1.0, 0.01)
    slow = trial(1, 90.0, 2.0, 0.01)
    assert numbers(study_of(fast, slow)) == []
    disturbed = replace(slow, metrics={**slow.metrics, "latency_ms_quiet": 0.9})
    assert numbers(study_of(fast, disturbed)) == [1]


def test_any_trial_may_dominate_beyond_the_noise_not_only_the_front() -> None:
    """0 is on the front but hardly known; 1, which it dominates, is sure to beat 2."""
    study = study_of(trial(0, 95.0, 1.0, 0.9), trial(1, 94.0, 1.1, 0.01), trial(2, 93.0, 1.3, 0.01))
    assert numbers(study) == [1]


def test_a_trial_without_quartiles_gets_the_usual_share() -> None:
    known = [trial(0, 95.0, 1.0, 0.1), trial(1, 50.0, 9.0, 0.9)]
    bare = {"val_accuracy": 90.0, "latency_ms": 1.2}
    study = study_of(*known, trial(2, 90.0, 1.2, metrics=bare))
    assert noises(study)[1].typical == pytest.approx(0.1)
    assert numbers(study) == [2], "1.2 less 10 % lies below 1.1"
    bare = {"val_accuracy": 90.0, "latency_ms": 1.3}
    assert numbers(study_of(*known, trial(2, 90.0, 1.3, metrics=bare))) == []


def test_in_words() -> None:
    seeds = [trial(1, 89.0, 1.0, replicate_of=0), trial(2, 91.0, 1.0, replicate_of=0)]
    study = study_of(trial(0, 90.0, 1.0, 0.05), *seeds, trial(9, 89.0, 1.0, 0.05))
    assert (
        noise_remark(study)
        == "noise: val_accuracy sd 1.00 points (replicates) and latency_ms ± 5 % (quartiles)"
    )
    assert near_remark(near_front(study)) == "within the noise of the front: trial 9"
    alone = study_of(trial(0, 90.0, 1.0, 0.05))
    assert noise_remark(alone) == (
        "noise: latency_ms ± 5 % (quartiles); without replicates the other objectives count as exact"
    )
    assert noise_remark(make_study([])) == near_remark([]) == ""


def test_a_spread_is_told_where_it_tells_something() -> None:
    seeds = [trial(1, 89.0, 1.3, replicate_of=0), trial(2, 91.0, 0.9, replicate_of=0)]
    study = study_of(trial(0, 90.0, 1.0, 0.05), *seeds)
    known = spreads(study)
    assert seed_spread(study.trials[0], "val_accuracy", known) is not None
    assert seed_spread(study.trials[0], "latency_ms", known) is None, "a timing"
    equal = make_study([make_trial(0, (90.0, 5.0, 1.0)), make_trial(1, (90.5, 5.0, 1.0), replicate_of=0)])
    assert seed_spread(equal.trials[0], "train_memory_mib", spreads(equal)) is None


# Against brute force -----------------------------------------------------------------------------

level = st.integers(0, 6).map(lambda step: step / 2)
rows = st.lists(
    st.tuples(level, level, level, st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=7
)
seeds = st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 2)), max_size=6)


def noisy(table: list[tuple[float, ...]], again: list[tuple[int, int]], way: Direction) -> Study:
    """Three objectives: accuracy with replicates, latency with quartiles, exact memory."""
    trials = []
    for number, (accuracy, latency, memory, half) in enumerate(table):
        sign = 1 if way == "maximize" else -1
        values = {"val_accuracy": sign * accuracy, "latency_ms": 5 + latency, "train_memory_mib": memory}
        quartiles = {"latency_ms_q25": 5 + latency - half, "latency_ms_q75": 5 + latency + half}
        trials.append(make_trial(number, state="complete", values=values, metrics=values | quartiles))
    for of, step in again:
        own = trials[of % len(table)]
        values = {**own.values, "val_accuracy": own.values["val_accuracy"] + step / 2}  # type: ignore[operator]
        trials.append(
            replace(
                own,
                number=len(trials),
                replicate_of=own.number,
                values=values,
                metrics={**own.metrics, **values},
            )
        )
    return make_study(
        trials, (Objective("val_accuracy", way), LATENCY, Objective("train_memory_mib", "minimize"))
    )


def brute_near(table: list[tuple[float, ...]], again: list[tuple[int, int]]) -> set[int]:
    """The definition of docs/studies.md in plain Python; accuracy is to be maximised."""
    groups = {
        n: [row[0]] + [row[0] + step / 2 for of, step in again if of % len(table) == n]
        for n, row in enumerate(table)
    }
    several = [group for group in groups.values() if len(group) > 1]
    freedom = sum(len(group) - 1 for group in several)
    squares = sum((x - statistics.fmean(group)) ** 2 for group in several for x in group)
    pooled = math.sqrt(squares / freedom) if several else 0.0

    def error(n: int) -> float:
        group = groups[n]
        return statistics.stdev(group) / math.sqrt(len(group)) if len(group) > 1 and pooled else pooled

    def beats(a: int, b: int) -> bool:
        one, other = table[a], table[b]
        if not (one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2] and one[:3] != other[:3]):
            return False
        noise = 2 * math.sqrt(error(a) ** 2 + error(b) ** 2)
        gain = statistics.fmean(groups[a]) - statistics.fmean(groups[b])
        is_same = one[1] == other[1] or one[3] == other[3] == 0
        return (noise == 0 or gain > noise) and (is_same or one[1] + one[3] < other[1] - other[3])

    everyone = range(len(table))
    worse = {b for b in everyone for a in everyone if dominates(table[a], table[b])}
    return {b for b in worse if not any(beats(a, b) for a in everyone)}


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2] and one[:3] != other[:3]


@REPEATABLE
@given(rows, seeds)
def test_the_rule_is_that_of_brute_force(
    table: list[tuple[float, ...]], again: list[tuple[int, int]]
) -> None:
    study = noisy(table, again, "maximize")
    assert set(numbers(study)) == brute_near(table, again)


@REPEATABLE
@given(rows, seeds)
def test_what_no_order_and_no_sign_changes(
    table: list[tuple[float, ...]], again: list[tuple[int, int]]
) -> None:
    study = noisy(table, again, "maximize")
    found = near_front(study)
    on_front = {one.number for one in front(study)}
    assert not on_front & {near.trial.number for near in found}
    assert {near.trial.number for near in found} <= {one.number for one in rankable(study)}
    assert all(near.dominated_by in on_front and near.in_doubt for near in found)
    assert numbers(replace(study, trials=study.trials[::-1])) == numbers(study)
    turned = noisy(table, [(of, -step) for of, step in again], "minimize")
    assert numbers(turned) == numbers(study)


@REPEATABLE
@given(rows)
def test_wider_quartiles_only_add(table: list[tuple[float, ...]]) -> None:
    wider = [(*row[:3], row[3] + 0.5) for row in table]
    narrow = set(numbers(noisy(table, [], "maximize")))
    assert narrow <= set(numbers(noisy(wider, [], "maximize")))
