"""First-order functional ANOVA, against functions whose variance is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports.data.digest import digest
from reports.data.params import Param
from reports.html.figure import Card
from reports.params.fanova import Analysis, analysed, divided, shares
from reports.params.forest import MAX_ROWS, grown
from reports.params.importance import ImportanceFrame, importance_frame
from reports.params.importance_figure import draw_importance
from tests.reports.studies_for_tests import ACCURACY, MEMORY, ODD, digits_study, real_study, small


def test_an_additive_function_is_divided_by_its_variances() -> None:
    generator = np.random.default_rng(0)
    matrix = generator.integers(0, 4, size=(200, 3)).astype(float)
    slices = {"a": slice(0, 1), "b": slice(1, 2), "c": slice(2, 3)}
    found = divided(lambda rows: 3 * rows[:, 0] + rows[:, 1], matrix, slices, np.random.default_rng(1))
    assert found is not None
    parts = np.array([9 * matrix[:, 0].var(), matrix[:, 1].var(), 0.0])
    np.testing.assert_allclose(list(found.single.values()), parts / parts.sum(), atol=0.03)
    assert 0.95 < found.together <= 1


def test_a_pure_interaction_belongs_to_no_single_param() -> None:
    matrix = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)] * 25)
    slices = {"a": slice(0, 1), "b": slice(1, 2)}
    found = divided(lambda rows: rows[:, 0] * rows[:, 1], matrix, slices, np.random.default_rng(0))
    assert found is not None
    assert found.together < 0.02
    assert found.pairs == {("a", "b"): pytest.approx(1.0, abs=0.05)}


def test_a_sum_and_a_product_share_the_variance_as_they_should() -> None:
    """f = a + b·c with values of ±1: half is a's own, half is the pair b, c; nothing else is left."""
    matrix = np.array([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)] * 20)
    slices = {"a": slice(0, 1), "b": slice(1, 2), "c": slice(2, 3)}
    found = divided(
        lambda rows: rows[:, 0] + rows[:, 1] * rows[:, 2], matrix, slices, np.random.default_rng(4)
    )
    assert found is not None
    assert found.single["a"] == pytest.approx(0.5, abs=0.06)
    pairs = {frozenset(pair): share for pair, share in found.pairs.items()}
    assert pairs[frozenset("bc")] == pytest.approx(0.5, abs=0.06)
    assert pairs[frozenset("ab")] < 1e-9
    assert pairs[frozenset("ac")] < 1e-9


def test_the_share_of_a_pair_is_that_of_the_full_table() -> None:
    """Unequal weights and two categories of three and two texts, against sums over the whole table."""
    table = np.array([[0.0, 4.0], [1.0, 2.0], [7.0, 1.0]])
    generator = np.random.default_rng(8)
    one, other = generator.choice(3, 4000, p=[0.6, 0.3, 0.1]), generator.choice(2, 4000, p=[0.8, 0.2])
    matrix = np.hstack([np.eye(3)[one], np.eye(2)[other]])
    found = divided(
        lambda rows: table[rows[:, :3].argmax(1), rows[:, 3:].argmax(1)],
        matrix,
        {"one": slice(0, 3), "other": slice(3, 5)},
        np.random.default_rng(0),
    )
    assert found is not None
    p, q = np.bincount(one) / 4000, np.bincount(other) / 4000
    weights, middle = np.outer(p, q), p @ table @ q
    total = (weights * (table - middle) ** 2).sum()
    beyond = table - (table @ q)[:, None] - p @ table + middle
    assert found.pairs["one", "other"] == pytest.approx((weights * beyond**2).sum() / total, rel=0.1)


def test_the_columns_of_one_category_move_together() -> None:
    """A param of three texts is one number, though it owns three columns."""
    matrix = np.eye(3)[np.arange(60) % 3]
    found = divided(
        lambda rows: rows @ [0.0, 1.0, 5.0], matrix, {"mode": slice(0, 3)}, np.random.default_rng(0)
    )
    assert found is not None
    assert found.single == pytest.approx({"mode": 1.0})


def test_a_constant_function_has_no_shares() -> None:
    matrix = np.arange(10.0)[:, None]
    zero = divided(lambda rows: np.zeros(len(rows)), matrix, {"a": slice(0, 1)}, np.random.default_rng(0))
    assert zero is None


def test_a_forest_finds_the_param_that_matters_and_is_seeded() -> None:
    generator = np.random.default_rng(3)
    params = [Param("T", "T", "number"), Param("mode", "mode", "category"), Param("noise", "noise", "number")]
    modes = ["none", "reliable"]
    study = small(
        [[0.0]] * 80,
        (MEMORY,),
        lambda number: {
            "T": int(generator.integers(1, 9)),
            "mode": modes[number % 2],
            "noise": float(generator.uniform()),
        },
    )
    target = np.array(
        [10.0 * t.params["T"] + (30.0 if t.params["mode"] == "reliable" else 0.0) for t in study.trials]
    )
    forest = grown(study.trials, params, target)
    first, again = shares(forest), shares(grown(study.trials, params, target))
    assert first is not None
    assert first == again
    assert first.single["T"] > first.single["mode"] > first.single["noise"]
    assert first.single["noise"] < 0.05
    assert forest.explained > 0.8


def test_many_trials_are_sampled_and_many_settings_grouped() -> None:
    values = np.linspace(0, 1, 2500)
    study = small([[0.0]] * 2500, (MEMORY,), lambda number: {"x": float(values[number]), "y": number % 2})
    valued = [
        replace(trial, values={"train_memory_mib": float(x**2)})
        for trial, x in zip(study.trials, values, strict=True)
    ]
    found = analysed(digest(replace(study, trials=tuple(valued))), MEMORY)
    assert isinstance(found, Analysis)
    assert len(found.forest.trials) == MAX_ROWS
    assert found.shares.single["x"] > 0.97


def test_the_frame_of_a_study_is_sorted_and_drawn() -> None:
    frame = importance_frame(digest(digits_study(60)), ACCURACY)
    assert isinstance(frame, ImportanceFrame)
    assert frame.share == sorted(frame.share, reverse=True)
    assert sum(frame.share) == pytest.approx(frame.together)
    assert frame.together <= 1
    bars = draw_importance(frame, "i").drawing["data"][0]
    assert bars["x"] == frame.share


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none", "at least 8 trials with known validation accuracy; there are 0"),
        ("two", "at least 8 trials with known validation accuracy; there are 2"),
        ("all_equal", "same value"),
        ("nan", "there are 1"),
    ],
)
def test_what_cannot_be_shown_is_a_card(name: str, why: str) -> None:
    card = importance_frame(digest(ODD[name]()), ACCURACY)
    assert isinstance(card, Card)
    assert why in card.why


def test_params_that_never_vary_explain_nothing() -> None:
    study = small([[90.0 + n] for n in range(10)], (ACCURACY,), lambda number: {"T": 4})
    card = importance_frame(digest(study), ACCURACY)
    assert isinstance(card, Card)
    assert "No searched param separates" in card.why


def test_a_forest_that_learned_nothing_says_so() -> None:
    generator = np.random.default_rng(5)
    study = small([[float(generator.normal())] for _ in range(30)], (ACCURACY,), lambda n: {"T": n % 7})
    frame = importance_frame(digest(study), ACCURACY)
    assert isinstance(frame, ImportanceFrame)
    assert frame.explained < 0.3
    assert "take the order as a hint" in draw_importance(frame, "i").caption


def test_what_a_probe_measured_is_learned_from_stopped_trials_too() -> None:
    found = digest(real_study())
    n_complete, n_all = 19, 64
    for objective, n_trials in ((ACCURACY, n_complete), (MEMORY, n_all)):
        frame = importance_frame(found, objective)
        assert isinstance(frame, ImportanceFrame)
        assert (frame.n_trials, frame.n_untrained) == (n_trials, n_trials - n_complete)
    memory = {trial.number: trial.values["train_memory_mib"] for trial in found.known("train_memory_mib")}
    assert memory == {t.number: t.metrics["train_memory_mib"] for t in found.study.trials}
    frame = importance_frame(found, MEMORY)
    assert isinstance(frame, ImportanceFrame)
    assert frame.params[:2] == ["model.width", "gradient"]
    caption = draw_importance(frame, "f").caption
    assert "over 64 trials, 45 of them not trained to the end but measured before." in caption


def test_a_running_trial_and_one_without_a_number_are_not_known() -> None:
    study = small([[90.0, 1.0, 1.0]] * 4)
    first, second, third, fourth = study.trials
    trials = (
        replace(first, state="running", metrics={"train_memory_mib": 2.0}, values={}),
        replace(second, state="stopped", metrics={"train_memory_mib": None}, values={}),
        replace(third, state="stopped", metrics={"train_memory_mib": 3}, values={"train_memory_mib": None}),
        fourth,
    )
    known = digest(replace(study, trials=trials)).known("train_memory_mib")
    assert [(trial.number, trial.values["train_memory_mib"]) for trial in known] == [(2, 3.0), (3, 1.0)]
