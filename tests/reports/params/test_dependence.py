"""Effects of params, panels and surfaces, against functions whose partial dependence is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reports.data.digest import Digest, digest
from reports.html.figure import Card
from reports.params.dependence import N_POINTS, DependenceFrame, dependence_frame
from reports.params.dependence_figure import draw_dependence
from reports.params.effect import Effect, effect, followers
from reports.params.fanova import Analysis, analysed
from reports.params.forest import Forest, fitted
from reports.params.pairs import PairsFrame, pairs_frame, surface
from reports.params.pairs_figure import draw_pairs
from studies.model import Study
from tests.reports.studies_for_tests import ACCURACY, ODD, digits_study, small

Params = dict[str, Any]


def made(n: int, params: Callable[[np.random.Generator], Params], target: Callable[[Params], float]) -> Study:
    """n trials with drawn params and a first objective that follows from them."""
    generator = np.random.default_rng(11)
    drawn = [params(generator) for _ in range(n)]
    return small([[target(one)] for one in drawn], (ACCURACY,), lambda number: drawn[number])


def forest_of(study: Study) -> tuple[Digest, Forest]:
    read = digest(study)
    found = fitted(read, ACCURACY)
    assert isinstance(found, Forest)
    return read, found


def param_of(forest: Forest, name: str) -> Any:
    return next(param for param in forest.params if param.name == name)


def turned(forest: Forest, name: str) -> Effect:
    found = effect(forest, param_of(forest, name))
    assert found is not None
    return found


def additive(generator: np.random.Generator) -> Params:
    return {
        "a": int(generator.integers(0, 6)),
        "mode": str(generator.choice(["none", "p", "q"])),
        "b": float(generator.uniform()),
    }


def test_the_effects_of_an_additive_function_are_its_terms() -> None:
    gain = {"none": 0.0, "p": 1.0, "q": 4.0}
    _, forest = forest_of(made(400, additive, lambda one: 80 + 2 * one["a"] + gain[one["mode"]]))
    a, mode, b = (turned(forest, name) for name in ("a", "mode", "b"))
    assert a.settings == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(a.mean - a.mean[0], 2 * np.arange(6), atol=0.25)
    means = dict(zip(mode.settings, mode.mean, strict=True))
    assert means["p"] - means["none"] == pytest.approx(1, abs=0.25)
    assert means["q"] - means["none"] == pytest.approx(4, abs=0.25)
    np.testing.assert_allclose(b.mean, b.mean[0], atol=0.1)
    assert len(b.settings) == 12
    assert mode.n_at == [forest.settings["mode"].count(option) for option in mode.settings]
    low, high = a.quartiles()
    assert (low <= high).all()
    rise = a.difference(5, 0)
    assert rise.middle == pytest.approx(10, abs=0.3)
    assert rise.low <= rise.middle <= rise.high
    assert rise.excludes_zero
    assert not b.difference(0, 11).excludes_zero


def test_partial_dependence_is_the_mean_over_the_trials_with_the_param_held() -> None:
    """The definition, in a loop over trials and trees."""
    _, forest = forest_of(made(60, additive, lambda one: one["a"] * one["b"]))
    found = turned(forest, "a")
    column = forest.columns.slices["a"].start
    for place, setting in enumerate(found.settings):
        rows = forest.columns.matrix.copy()
        rows[:, column] = setting
        by_tree = [tree.predict(rows.astype(np.float32)).mean() for tree in forest.trees]
        np.testing.assert_allclose(found.by_tree[:, place], by_tree)
    doubled = found.difference(1, 0, n_comparisons=20)
    single = found.difference(1, 0)
    assert doubled.high - doubled.low > single.high - single.low


def conditional(generator: np.random.Generator) -> Params:
    mode = str(generator.choice(["none", "reliable"]))
    shared = {"T": int(generator.integers(1, 5)), "distillation.mode": mode}
    alpha = float(generator.uniform())
    return {**shared, "distillation.alpha": alpha} if mode == "reliable" else shared


def test_a_param_that_a_mode_switches_on_follows_it() -> None:
    """Reliable gains 3 through alpha (mean 0.5 of a slope of 6): the mode's whole effect, not none of it."""
    read, forest = forest_of(
        made(300, conditional, lambda one: 90 + one["T"] + 6 * one.get("distillation.alpha", 0.0))
    )
    rows = np.arange(len(forest.trials))
    assert followers(forest, "distillation.mode", rows) == ["distillation.alpha"]
    assert followers(forest, "T", rows) == []
    mode = turned(forest, "distillation.mode")
    assert abs(mode.difference(1, 0).middle) == pytest.approx(3.0, abs=0.4)
    alpha = turned(forest, "distillation.alpha")
    active = [trial for trial in forest.trials if "distillation.alpha" in trial.params]
    assert (alpha.n_active, alpha.n_trials) == (len(active), 300)
    slope = (alpha.mean[-1] - alpha.mean[0]) / (float(alpha.settings[-1]) - float(alpha.settings[0]))  # type: ignore[arg-type]
    assert slope == pytest.approx(6.0, abs=0.8)
    frame = dependence_frame(read, ACCURACY, analysed(read, ACCURACY))
    assert isinstance(frame, DependenceFrame)
    texts = str(draw_dependence(frame, "d").drawing["layout"])
    assert f"active in {len(active)} of 300" in texts


def test_the_panels_of_a_study() -> None:
    read = digest(digits_study(60))
    found = analysed(read, ACCURACY)
    assert isinstance(found, Analysis)
    frame = dependence_frame(read, ACCURACY, found)
    assert isinstance(frame, DependenceFrame)
    assert [panel.share for panel in frame.panels] == sorted(found.shares.single.values(), reverse=True)[:4]
    figure = draw_dependence(frame, "d")
    drawn = {trace["name"]: trace for trace in figure.drawing["data"] if trace.get("xaxis") == "x"}
    np.testing.assert_allclose(drawn["prediction"]["y"], frame.panels[0].mean, rtol=1e-5)
    assert sorted(frame.points) == [trial.number for trial in read.measured]
    ends = [float(end) for panel in frame.panels for end in (*panel.low, *panel.high)]
    assert frame.span[0] < min(ends)
    assert max(ends) < frame.span[1]


def test_of_many_trials_some_are_drawn() -> None:
    read = digest(made(N_POINTS + 50, additive, lambda one: float(one["a"])))
    frame = dependence_frame(read, ACCURACY, analysed(read, ACCURACY))
    assert isinstance(frame, DependenceFrame)
    assert len(frame.points) == N_POINTS
    assert "400 of 450 trials" in draw_dependence(frame, "d").caption


def test_a_surface_is_the_product_and_marks_what_no_trial_is_near() -> None:
    """No trial has a = 3 and mode q: the cell says so, whatever the forest predicts."""
    study = made(500, additive, lambda one: one["a"] * (1.0 if one["mode"] == "none" else 3.0))
    kept = [t for t in study.trials if not (t.params["a"] >= 2 and t.params["mode"] == "q")]
    _, forest = forest_of(replace(study, trials=tuple(kept)))
    found = surface(forest, param_of(forest, "a"), param_of(forest, "mode"))
    assert found is not None
    assert found.mean.shape == (3, 6)
    truth = {"none": 1.0, "p": 3.0, "q": 3.0}
    for j, mode in enumerate(found.settings[1]):
        for i, a in enumerate(found.settings[0]):
            trials = [t for t in kept if t.params["mode"] == mode and abs(t.params["a"] - float(a or 0)) <= 1]
            assert found.n_near[j, i] == len(trials)
            if len(trials) > 40:
                assert found.mean[j, i] == pytest.approx(float(a or 0) * truth[str(mode)], abs=0.6)
    row = found.settings[1].index("q")
    assert (found.n_near[row] == 0).tolist() == [False, False, False, True, True, True]


def test_the_pairs_of_a_product() -> None:
    read = digest(made(400, additive, lambda one: (one["a"] - 2.5) * (one["b"] - 0.5)))
    frame = pairs_frame(ACCURACY, analysed(read, ACCURACY))
    assert isinstance(frame, PairsFrame)
    assert max(frame.shares, key=lambda pair: frame.shares[pair]) == ("a", "b")
    assert frame.shares["a", "b"] > 0.5
    assert [param.name for param in frame.surfaces[0].params] == ["a", "b"]
    figure = draw_pairs(frame, "p")
    heat = next(trace for trace in figure.drawing["data"] if trace.get("coloraxis"))
    np.testing.assert_allclose(heat["z"], frame.surfaces[0].mean, rtol=1e-5, atol=1e-9)
    assert "No pair explains" not in figure.caption


def test_a_sum_has_no_pair_worth_telling() -> None:
    read = digest(made(400, additive, lambda one: 10.0 * one["a"]))
    frame = pairs_frame(ACCURACY, analysed(read, ACCURACY))
    assert isinstance(frame, PairsFrame)
    assert "No pair explains 1" in draw_pairs(frame, "p").caption


def test_one_param_has_no_pair() -> None:
    read = digest(ODD["one_objective"]())
    card = pairs_frame(ACCURACY, analysed(read, ACCURACY))
    assert isinstance(card, Card)
    assert "Only one param varies" in card.why


@pytest.mark.parametrize("name", ["none", "two", "all_failed", "all_equal", "nan"])
def test_what_cannot_be_learned_is_a_card_with_the_reason(name: str) -> None:
    read = digest(ODD[name]())
    found = analysed(read, ACCURACY)
    assert isinstance(found, str)
    for card in (dependence_frame(read, ACCURACY, found), pairs_frame(ACCURACY, found)):
        assert isinstance(card, Card)
        assert card.why == found
