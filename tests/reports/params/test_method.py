"""What is said about the six params: what was put in is told, what was not is not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.data.digest import digest
from reports.html.figure import Card
from reports.page import page
from reports.params.fanova import analysed
from reports.params.method import METHOD_PARAMS, MethodFrame, method_frames, without_effect
from reports.params.method_figure import draw_method, method_table, sentences
from reports.params.sections import param_sections
from studies.model import Study
from tests.reports.studies_for_tests import ACCURACY, MEMORY, ODD, digits_study, real_study, small

Params = dict[str, Any]
MODES = ["none", "supervised", "reliable", "strong2weak"]


def study_of(
    n: int, gain: Callable[[Params], float], cost: Callable[[Params], float], seed: int = 0
) -> Study:
    """n trials over all six params with noise of 0.3 points and no noise in memory."""
    generator = np.random.default_rng(seed)
    drawn: list[Params] = []
    for _ in range(n):
        mode = str(generator.choice(MODES))
        one: Params = {"T": int(generator.integers(1, 7)), "distillation.mode": mode}
        if mode in ("supervised", "reliable"):
            one["distillation.alpha"] = float(generator.uniform(0.1, 2))
            one["distillation.branches"] = str(generator.choice(["1", "2", "1,2"]))
        if mode in ("reliable", "strong2weak"):
            one["distillation.beta"] = float(generator.uniform())
        if mode == "reliable":
            one["distillation.reliability_threshold"] = float(generator.uniform(0, 0.9))
        drawn.append(one)
    rows = [[90 + gain(one) + float(generator.normal(0, 0.3)), 10 + cost(one)] for one in drawn]
    made = small(rows, (ACCURACY, MEMORY), lambda number: drawn[number])
    trials = [
        replace(trial, config={"T": 4, "distillation": {"mode": one["distillation.mode"]}})
        for trial, one in zip(made.trials, drawn, strict=True)
    ]
    return replace(made, trials=tuple(trials))


def frames_of(study: Study) -> dict[str, MethodFrame | Card]:
    read = digest(study)
    found = method_frames(read, [analysed(read, objective) for objective in read.objectives])
    return dict(zip(METHOD_PARAMS, found, strict=True))


def searched(study: Study, field: str) -> MethodFrame:
    frame = frames_of(study)[field]
    assert isinstance(frame, MethodFrame)
    return frame


def test_a_mode_that_gains_is_told_with_its_price_and_its_range_holds_the_truth() -> None:
    study = study_of(
        240,
        lambda one: 2.0 * (one["distillation.mode"] == "reliable"),
        lambda one: 5.0 * (one["distillation.mode"] == "reliable"),
    )
    frame = searched(study, "distillation.mode")
    places = {group.text: group for group in frame.groups}
    assert frame.groups[frame.reference].text == "none"
    assert frame.groups[frame.best].text == "reliable"
    gain = places["reliable"].beyond["val_accuracy"]
    price = places["reliable"].beyond["train_memory_mib"]
    assert gain is not None
    assert price is not None
    assert gain.low < 2.0 < gain.high
    assert gain.excludes_zero
    assert price.middle == pytest.approx(5.0, abs=0.5)
    said = " ".join(sentences(frame))
    assert "Against none: validation accuracy +" in said
    medians = [
        (mode, [t.values["val_accuracy"] for t in study.trials if t.params["distillation.mode"] == mode])
        for mode in MODES
    ]
    for mode, values in medians:
        assert f"{mode} {np.median(values):.2f}\u00a0% ({len(values)})" in said
    assert "under reliable." in said
    assert "At reliable against none: training memory +" in said
    assert "cannot be told from none" in said


def test_measured_numbers_of_a_setting_are_those_of_its_trials() -> None:
    study = study_of(120, lambda one: 0.5 * one["T"], lambda one: 0.0)
    frame = searched(study, "T")
    for place, group in enumerate(frame.groups, start=1):
        values = [t.values["val_accuracy"] for t in study.trials if t.params["T"] == place]
        assert (group.text, group.n) == (str(place), len(values))
        assert (group.q25, group.median, group.q75) == pytest.approx(np.quantile(values, (0.25, 0.5, 0.75)))
    third = searched(study, "distillation.beta").groups
    n_active = sum("distillation.beta" in trial.params for trial in study.trials)
    assert len(third) == 3
    assert sum(group.n for group in third) == n_active


def test_a_number_that_helps_has_a_direction_and_a_best_place() -> None:
    study = study_of(240, lambda one: min(one["T"], 3) * 1.5, lambda one: 2.0 * one["T"])
    frame = searched(study, "T")
    said = " ".join(sentences(frame))
    assert "From 1 to 6: validation accuracy +" in said
    assert {"4", "5"} <= {frame.groups[place].text for place in frame.level}
    assert "1" not in {frame.groups[place].text for place in frame.level}
    assert "training memory +" in said


@pytest.mark.parametrize("seed", range(6))
def test_params_without_an_effect_are_not_told(seed: int) -> None:
    study = study_of(80, lambda one: 0.0, lambda one: 0.0, seed)
    for field, frame in frames_of(study).items():
        assert isinstance(frame, MethodFrame), field
        said = " ".join(sentences(frame))
        assert "Cannot be told" in said, (field, said)


def test_a_forest_without_skill_tells_nothing_even_where_its_trees_agree() -> None:
    study = study_of(240, lambda one: 2.0 * (one["distillation.mode"] == "reliable"), lambda one: 0.0)
    frame = replace(searched(study, "distillation.mode"), unskilled=frozenset({"val_accuracy"}))
    assert "no better than their mean" in " ".join(sentences(frame))


def test_a_setting_with_too_few_trials_is_not_compared() -> None:
    study = study_of(60, lambda one: 0.0, lambda one: 0.0)
    odd = replace(
        study.trials[0],
        params={**study.trials[0].params, "distillation.mode": "rare"},
        values={"val_accuracy": 99.9, "train_memory_mib": 1.0},
    )
    found = replace(study, trials=(odd, *study.trials[1:]))
    frame = searched(found, "distillation.mode")
    rare = next(group for group in frame.groups if group.text == "rare")
    assert rare.n == 1
    assert rare.beyond == {"val_accuracy": None, "train_memory_mib": None}
    assert frame.groups[frame.best].text != "rare"
    assert "too few trials" in method_table([frame])


def test_params_that_were_not_searched_say_why() -> None:
    study = small(
        [[90.0 + n % 5] for n in range(20)], (ACCURACY,), lambda number: {"optim.lr": 0.1 * (number + 1)}
    )
    config = {
        "T": 4,
        "distillation": {
            "mode": "none",
            "branches": [],
            "alpha": 1.0,
            "beta": 0.3,
            "reliability_threshold": 0.0,
        },
    }
    bare = replace(
        study,
        info=replace(study.info, space={"search": {"optim.lr": {"float": [0.1, 2.0]}}}),
        trials=tuple(replace(trial, config=config) for trial in study.trials),
    )
    why = {field: frame.why for field, frame in frames_of(bare).items() if isinstance(frame, Card)}
    assert list(why) == list(METHOD_PARAMS)
    assert "fixed at none" in why["distillation.mode"]
    assert "fixed at 4" in why["T"]
    assert "no trial had branch heads (the mode was none in every trial)" in why["distillation.alpha"]
    assert "only mode reliable" in why["distillation.reliability_threshold"]
    assert "nothing was distilled" in why["distillation.beta"]


def test_which_fields_have_an_effect_under_which_modes() -> None:
    assert without_effect("T", {"none"}) == ""
    assert without_effect("distillation.alpha", {"none", "supervised"}) == ""
    assert without_effect("distillation.alpha", {"none", "strong2weak"})
    assert without_effect("distillation.reliability_threshold", {"supervised+strong2weak"})
    assert without_effect("distillation.reliability_threshold", {"reliable+strong2weak"}) == ""
    assert without_effect("distillation.beta", {"supervised", "none"})
    assert without_effect("distillation.beta", {"supervised+strong2weak"}) == ""
    assert without_effect("distillation.beta", set()) == ""


def test_searched_but_never_varied() -> None:
    study = digits_study(40)
    same = [
        replace(t, params={"T": 3, "optim.lr": t.params["optim.lr"], "distillation.mode": "none"})
        for t in study.trials
    ]
    found = frames_of(replace(study, trials=tuple(same)))
    assert isinstance(found["T"], Card)
    assert "was 3 in every measured trial" in found["T"].why
    assert isinstance(found["distillation.alpha"], Card)
    assert "was inactive in every measured trial" in found["distillation.alpha"].why


@pytest.mark.parametrize("name", sorted(ODD))
def test_every_odd_study_has_six_answers(name: str) -> None:
    read = digest(ODD[name]())
    frames = method_frames(read, [analysed(read, objective) for objective in read.objectives])
    assert len(frames) == 6
    for frame in frames:
        text = frame.why if isinstance(frame, Card) else draw_method(read, frame, "m").caption
        assert text.strip()
        assert "nan" not in text


@pytest.mark.slow  # tests/reports/test_build.py makes a page of each
@pytest.mark.parametrize("name", ["all_over_the_limit", "memory_of_the_stopped", "silent_over_the_limit"])
def test_what_only_trials_off_the_front_know_breaks_no_page(name: str) -> None:
    found = digest(ODD[name]())
    text = page(found.recorded, Path("runs/x"))
    assert "What the method did" in text


def test_all_objectives_of_the_method_speak_of_the_same_trials() -> None:
    """Memory is known of all 64 trials, but a setting is compared among the 19 that know all objectives."""
    study = real_study()
    for objectives in ((ACCURACY, MEMORY), (MEMORY, ACCURACY)):
        found = digest(replace(study, info=replace(study.info, objectives=objectives)))
        (section,) = [one for one in param_sections(found) if one.id == "method"]
        table = re.sub("<[^>]*>", " ", section.below)
        counts = dict(re.findall(r"\bmode\s+(none|reliable)\s+(\d+)\s", table))
        tried = Counter(trial.params["distillation.mode"] for trial in found.measured)
        assert {mode: int(n) for mode, n in counts.items()} == tried


def test_a_price_from_a_forest_without_skill_is_not_told() -> None:
    """Latency here is noise that no param moves."""
    generator = np.random.default_rng(3)
    told = 0
    for seed in range(6):
        study = study_of(
            60, lambda one: 3.0 * (one["distillation.mode"] == "reliable"), lambda one: 0.0, seed
        )
        trials = [
            replace(trial, values={**trial.values, "train_memory_mib": float(generator.normal(10, 3))})
            for trial in study.trials
        ]
        found = digest(replace(study, trials=tuple(trials)))
        known = [analysed(found, objective) for objective in found.objectives]
        memory = known[1]
        assert not isinstance(memory, str)
        for frame in method_frames(found, known):
            if isinstance(frame, Card):
                continue
            has_skill = memory.forest.explained > 0
            assert (MEMORY.name in frame.unskilled) == (not has_skill)
            if not has_skill:
                told += 1
                costs = [text for text in sentences(frame) if "training memory" in text]
                assert all("no difference in training memory can be told" in text for text in costs)
                assert "<strong>" not in method_table([frame]).partition("memory")[2].partition("</tr>")[0]
    assert told > 3
