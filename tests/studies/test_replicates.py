from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.model import Study, Trial
from studies.pareto import (
    finishing_order,
    front,
    hypervolume_curve,
    knee,
    rankable,
    study_hypervolume,
    study_reference_point,
)
from studies.replicates import Spread, pooled_sd, replicates, searched, spreads
from tests.studies.make import REPEATABLE, make_epoch, make_study, make_trial

NAN = float("nan")


def copies(original: Trial, accuracies: list[float], first: int) -> list[Trial]:
    """Replicates of a trial that differ in accuracy only."""
    point = [original.values[name] for name in ("train_memory_mib", "latency_ms")]
    return [
        make_trial(first + place, (accuracy, *point), replicate_of=original.number, seed=place + 1)  # type: ignore[arg-type]
        for place, accuracy in enumerate(accuracies)
    ]


def test_a_spread_is_over_the_original_and_its_finished_replicates() -> None:
    original = make_trial(0, (90.0, 10.0, 1.0))
    others = [
        make_trial(3, state="failed", reason="x", replicate_of=0),
        make_trial(4, state="running", replicate_of=0, metrics={"val_accuracy": 1.0}),
        make_trial(5, (NAN, 10.0, 1.0), replicate_of=0),
    ]
    study = make_study([original, *copies(original, [92.0, 94.0], 1), *others])
    found = spreads(study)[0]
    assert found["val_accuracy"] == Spread(92.0, 2.0, 3)
    assert found["val_accuracy"].standard_error == pytest.approx(2 / 3**0.5)
    assert found["train_memory_mib"] == Spread(10.0, 0.0, 4)
    assert [trial.number for trial in replicates(study)[0]] == [1, 2, 3, 4, 5]


def test_metrics_that_are_no_single_numbers_or_stand_alone_have_no_spread() -> None:
    metrics = {"accuracy_at_t": [1.0], "latency_under_load": True, "macs": 5}
    original = make_trial(0, (90.0, 10.0, 1.0), metrics=metrics)
    again = make_trial(1, (91.0, 10.0, 1.0), metrics={**metrics, "synops": 3.0}, replicate_of=0)
    names = {"val_accuracy", "train_memory_mib", "latency_ms", "macs"}
    assert set(spreads(make_study([original, again]))[0]) == names


def test_a_replicate_of_nobody_is_counted_nowhere() -> None:
    study = make_study([make_trial(0, (90.0, 10.0, 1.0)), make_trial(1, (99.0, 1.0, 0.1), replicate_of=7)])
    assert spreads(study) == {}
    assert [trial.number for trial in front(study)] == [0]


def test_the_pooled_sd_weights_by_degrees_of_freedom() -> None:
    groups = [Spread(1.0, 2.0, 3), Spread(5.0, 1.0, 5)]
    assert pooled_sd(groups) == pytest.approx(((2 * 4 + 4 * 1) / 6) ** 0.5)
    assert pooled_sd([]) is None


points = st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), min_size=1, max_size=6)
again = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9).map(float), st.booleans()), max_size=8)


def with_replicates(rows: list[tuple[float, ...]], more: list[tuple[int, float, bool]]) -> Study:
    own = [make_trial(number, row) for number, row in enumerate(rows)]
    trials = list(own)
    for of, accuracy, is_done in more:
        number = len(trials)
        # Better than any original in every objective, so that a replicate taken for a trial would show.
        done = make_trial(number, (100.0 + accuracy, -1.0, -1.0), replicate_of=of % len(own), seed=number)
        trials.append(done if is_done else replace(done, state="infeasible", values={}))
    return make_study(trials[::-1], epochs=[make_epoch(trial.number, 1) for trial in trials])


@REPEATABLE
@given(points, again)
def test_replicates_change_nothing_but_spreads(
    rows: list[tuple[float, ...]], more: list[tuple[int, float, bool]]
) -> None:
    study = with_replicates(rows, more)
    plain = make_study([make_trial(number, row) for number, row in enumerate(rows)])
    assert front(study) == front(plain)
    assert knee(study) == knee(plain)
    assert rankable(study) == rankable(plain)
    assert finishing_order(study) == finishing_order(plain)
    assert hypervolume_curve(study) == hypervolume_curve(plain)
    assert study_hypervolume(study) == study_hypervolume(plain)
    assert study_reference_point(study) == study_reference_point(plain)
    assert searched(study).trials == plain.trials[::-1]
    assert {row.number for row in searched(study).epochs} == set(range(len(rows)))


@REPEATABLE
@given(points, again)
def test_spreads_are_those_of_numpy(
    rows: list[tuple[float, ...]], more: list[tuple[int, float, bool]]
) -> None:
    study = with_replicates(rows, more)
    expected = {}
    for number in range(len(rows)):
        values = [rows[number][0]] + [100 + a for of, a, done in more if of % len(rows) == number and done]
        if any(of % len(rows) == number for of, _, _ in more):
            expected[number] = (values, len(values) > 1)
    found = spreads(study)
    assert set(found) == set(expected)
    for number, (values, is_spread) in expected.items():
        assert ("val_accuracy" in found[number]) == is_spread
        if is_spread:
            own = found[number]["val_accuracy"]
            assert own.n == len(values)
            assert own.mean == pytest.approx(np.mean(values))
            assert own.sd == pytest.approx(np.std(values, ddof=1), abs=1e-12)


def test_a_study_without_replicates_is_its_own_search() -> None:
    study = make_study([make_trial(0, (90.0, 1.0, 1.0))])
    assert searched(study) is study
    assert replicates(study) == spreads(study) == {}
