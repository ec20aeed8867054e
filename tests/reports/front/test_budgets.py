"""What the sliders work on, against `studies.pick` and a reading of the definition."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from reports.data.digest import digest
from reports.front.budgets import BudgetsFrame, budgets_data, budgets_frame, config_texts
from reports.front.budgets_section import budget_section
from reports.html.figure import Card
from studies.errors import PickError
from studies.export import main
from studies.model import Objective, Study
from studies.pick import pick
from studies.record import read_study, write_study
from tests.reports.studies_for_tests import ACCURACY, LATENCY, MEMORY, ODD, digits_study, noisy_study, small


def frame_of(study: Study) -> BudgetsFrame:
    frame = budgets_frame(digest(study))
    assert isinstance(frame, BudgetsFrame)
    return frame


def test_limits_are_the_other_objectives_and_the_costs_that_were_measured() -> None:
    frame = frame_of(digits_study(40))
    assert [(budget.name, budget.operator) for budget in frame.budgets] == [
        ("train_memory_mib", "<="),
        ("latency_ms", "<="),
        ("infer_memory_mib", "<="),
        ("n_parameters", "<="),
    ]
    study = digits_study(40)
    assert frame.trials == [trial.number for trial in study.trials if trial.is_feasible]
    more = frame_of(small([[1.0, 90.0], [2.0, 95.0]], (LATENCY, ACCURACY)))
    assert [(budget.name, budget.operator) for budget in more.budgets] == [("val_accuracy", ">=")]


@pytest.mark.parametrize("study", [digits_study(60), noisy_study()])
def test_the_answers_are_all_that_random_budgets_can_get(study: Study) -> None:
    frame, generator, met = frame_of(study), random.Random(0), set()
    trials = {trial.number: trial for trial in study.trials}
    for _ in range(300):
        chosen = generator.sample(frame.budgets, generator.randint(0, len(frame.budgets)))
        limits = [
            f"{budget.name}<={trials[generator.choice(frame.trials)].metrics[budget.name]!r}"
            for budget in chosen
        ]
        rule = "best:val_accuracy" + (f" where {' and '.join(limits)}" if limits else "")
        try:
            met.add(pick(study, rule).number)
        except PickError:
            continue
    assert len(met) > 5
    assert met <= set(frame.answers)
    assert len(frame.answers) < len(frame.trials)


def test_among_equals_of_which_one_costs_less_beside_the_objectives_both_are_answers() -> None:
    """Ties go to the lower number, though the other has fewer parameters."""
    study = small([[90.0, 10.0], [90.0, 10.0], [80.0, 9.0]], (ACCURACY, MEMORY))
    parameters = (3000, 1000, 2000)
    trials = [replace(t, metrics={"n_parameters": parameters[t.number]}) for t in study.trials]
    found = replace(study, trials=tuple(trials))
    assert pick(found, "best:val_accuracy").number == 0
    assert pick(found, "best:val_accuracy where n_parameters<=2500").number == 1
    assert frame_of(found).answers == [0, 1, 2]


def test_texts_are_what_the_export_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(noisy_study(), tmp_path / "runs" / "demo")
    study = read_study("runs/demo")
    found = digest(study)
    data = budgets_data(frame_of(study), found, Path("runs/demo"))
    assert list(data["texts"]) == [str(number) for number in frame_of(study).answers]
    for number, places in list(data["texts"].items())[:4]:
        rule = f"trial:{number}"
        out = ["--out", "best.yaml", "--force"]
        assert main(["runs/demo", "--pick", rule, *out]) == 0
        text = "\n".join(data["lines"][place] for place in places).replace("{rule}", rule)
        assert text == (tmp_path / "best.yaml").read_text(encoding="utf-8")
    assert len(data["lines"]) == len(set(data["lines"]))


def test_a_config_that_no_file_can_hold_is_left_out() -> None:
    study = small([[90.0, 10.0], [95.0, 20.0]], (ACCURACY, MEMORY))
    odd = replace(study.trials[0], config={"T": object()})
    found = digest(replace(study, trials=(odd, study.trials[1])))
    assert list(config_texts(found, [0, 1], Path("x"))) == [1]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none", "No trial has finished"),
        ("all_failed", "No trial has finished"),
        ("all_equal", "cost the same"),
        ("one", "cost the same"),
        ("one_objective", "cost the same"),
        ("no_objectives", "no objective"),
    ],
)
def test_where_nothing_can_be_asked_a_card_says_so(name: str, why: str) -> None:
    found = digest(ODD[name]())
    card = budgets_frame(found)
    assert isinstance(card, Card)
    assert why in card.why
    assert budget_section(found, Path("x")).parts == [card]


def test_numbers_that_are_missing_or_not_finite() -> None:
    rows = [[math.nan, 1.0, 1.0], [90.0, None, 2.0], [95.0, 3.0, math.inf], [80.0, 2.0, 1.0]]
    frame = frame_of(small(rows))
    assert frame.trials == [1, 2, 3]
    assert frame.answers == [2, 1, 3]


def test_a_metric_that_no_rule_can_name_has_no_slider() -> None:
    odd = Objective("<b>weird_ms", "minimize")
    study = small([[90.0, 1.0, 3.0], [95.0, 2.0, 1.0]], (ACCURACY, odd, MEMORY))
    assert [budget.name for budget in frame_of(study).budgets] == ["train_memory_mib"]
