"""The head of the page: facts and sentences."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reports.course.facts import facts
from reports.data.columns import tooltip_metrics
from reports.data.digest import digest
from reports.front.summary import difference, exchange, nearly_best, reduction, savings, sentences
from reports.page import page
from studies.model import Objective, Study, Trial
from studies.replicates import spreads
from tests.reports.studies_for_tests import (
    ACCURACY,
    LATENCY,
    MEMORY,
    ODD,
    START,
    digits_study,
    noisy_study,
    small,
)


def said(study: Study) -> list[str]:
    found = digest(study)
    texts = [html.unescape(re.sub("<[^>]*>", "", text)) for text in sentences(found)]
    return [text.replace("\u00a0", " ") for text in texts]


def test_the_sentences_tell_the_best_the_knee_and_what_nearly_the_best_costs() -> None:
    study = small([[90.0, 10.0, 1.0], [98.0, 100.0, 2.0], [97.0, 20.0, 1.1], [80.0, 50.0, 9.0]])
    best, knee, cheap = said(study)
    assert best == (
        "The best validation accuracy is 98.00 %, reached by trial 1; "
        "it comes with 100 MiB of training memory and 2.00 ms of latency."
    )
    assert knee == (
        "The knee of the front, the best compromise, is trial 2 with 97.00 %, 20.0 MiB and 1.10 ms: "
        "compared with the best trial, it gives up 1.00 points of validation accuracy and saves 80 % of "
        "training memory and 45 % of latency."
    )
    assert cheap == (
        "Within one point of the best validation accuracy, trial 2 with 97.00 % needs 5.0 times less "
        "training memory (20.0 MiB) and 45 % less latency (1.10 ms)."
    )


def test_the_cheapest_of_the_nearly_best_by_looking_at_all() -> None:
    study = digits_study(60)
    found = digest(study)
    values = [trial.values for trial in study.trials if trial.is_feasible]
    best = max(v["val_accuracy"] or 0 for v in values)
    near = [v for v in values if (v["val_accuracy"] or 0) >= best - 1 - 1e-9]
    assert 2 < len(near) == len(nearly_best(found)) < len(values)
    for saving in savings(found):
        name = saving.objective.name
        assert saving.trial.values[name] == min(v[name] or 0 for v in near)
        assert saving.is_best == (saving.trial.values[name] == found.front[0].values[name])


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (
            [[98.0, 100.0, 1.0], [97.9, 30.0, 1.0], [97.8, 90.0, 2.0]],
            "Within one point of the best validation accuracy, trial 1 with 97.90 % needs 3.3 times less "
            "training memory (30.0 MiB); in latency the best itself is the cheapest.",
        ),
        (
            [[98.0, 100.0, 2.0], [97.5, 30.0, 3.0], [97.2, 120.0, 1.5]],
            "Within one point of the best validation accuracy, trial 1 with 97.50 % needs 3.3 times less "
            "training memory (30.0 MiB), and trial 2 with 97.20 % needs 25 % less latency (1.50 ms).",
        ),
        (
            [[98.0, 10.0, 1.0], [97.5, 30.0, 3.0]],
            "Of 1 other trial within one point of the best validation accuracy, none costs less.",
        ),
        (
            [[98.0, 10.0, 1.0], [96.5, 3.0, 0.1]],
            "No other trial comes within one point of the best validation accuracy.",
        ),
        (
            [[97.2, 10.0, 1.0], [96.2, 9.99, 1.0]],
            "Within one point of the best validation accuracy, trial 1 with 96.20 % needs less than 1 % less "
            "training memory (9.99 MiB); in latency the best itself is the cheapest.",
        ),
    ],
)  # fmt: skip
def test_nearly_the_best_in_words(rows: list[list[float]], text: str) -> None:
    assert said(small(rows))[2] == text


def test_of_other_quantities_one_percent_is_nearly_the_best() -> None:
    fast = small([[1.0, 90.0], [1.009, 95.0], [1.02, 99.0]], (LATENCY, ACCURACY))
    assert said(fast)[2] == (
        "Within 1 % of the best latency, trial 1 with 1.01 ms has 5.00 points more validation accuracy "
        "(95.00 %)."
    )


def test_replicates_are_told_beside_the_best_and_counted_apart() -> None:
    study = noisy_study()
    best = digest(study).front[0]
    spread = spreads(study)[best.number]["val_accuracy"]
    assert (
        f"trial {best.number} ({spread.mean:.2f} ± {spread.sd:.2f} % over 3 seeds); it comes"
        in said(study)[0]
    )
    found = {label: text.replace("\u00a0", " ") for label, text in facts(digest(study))}
    again = [trial for trial in study.trials if trial.replicate_of is not None]
    assert found["Budget used"].startswith("60 of 60 trials (")
    epochs = sum(trial.epochs_trained for trial in again)
    assert f" epochs, {len(again)} replicates ({epochs} epochs), 7 min" in found["Budget used"]
    assert found["Seed"] == "7 for the sampler (auto), 0 for training, 1, 2 for replicates"


def test_the_sentences_of_odd_studies() -> None:
    assert said(ODD["none"]()) == ["The study has no trials yet."]
    assert said(ODD["all_failed"]()) == [
        "No trial has finished within the limits, so there is no front yet. Trials: 4 failed."
    ]
    assert said(ODD["one"]())[1:] == [
        "The knee of the front, the best compromise, is that same trial.",
        "No other trial comes within one point of the best validation accuracy.",
    ]
    assert said(ODD["one_objective"]()) == ["The best validation accuracy is 96.00 %, reached by trial 6."]
    assert said(ODD["all_equal"]())[2].startswith("Of 11 other trials within one point")


@pytest.mark.parametrize(
    ("objective", "before", "after", "text"),
    [
        (ACCURACY, 98.0, 97.5, "gives up 0.50 points of validation accuracy"),
        (LATENCY, 2.0, 3.0, "costs 50 % more latency"),
        (LATENCY, 2.0, 0.5, "saves 75 % of latency"),
        (LATENCY, 2.0, 2.0, "is the same in every objective"),
        (LATENCY, 2000.0, 2001.0, "costs less than 1 % more latency"),
        (Objective("gain_ms", "maximize"), -1.0, 1.5, "gains 2.50 ms of gain"),
    ],
)
def test_changes_in_words(objective: Objective, before: float, after: float, text: str) -> None:
    base, other = (Trial(0, "complete", {}, {}, values={objective.name: v}) for v in (before, after))
    assert exchange([objective], base, other).replace("\u00a0", " ") == text


def test_what_is_less_than_half_is_so_many_times_less() -> None:
    trials = [Trial(0, "complete", {}, {}, values={"latency_ms": v}) for v in (4.0, 1.0, 3.0, 0.0)]
    told = [reduction(LATENCY, trials[0], other).replace("\u00a0", " ") for other in trials[1:]]
    assert told == ["4.0 times less latency", "25 % less latency", "100 % less latency"]
    assert difference(LATENCY, trials[3], trials[1]).replace("\u00a0", " ") == "1.00 ms"


def test_a_best_that_guessing_reaches_is_told_with_what_it_is_of() -> None:
    metrics = {"n_val_samples": 65, "val_largest_class_share": 6400 / 65, "n_classes": 2, "n_val_classes": 2}
    plain = small([[6400 / 65, 10.0, 1.0], [90.0, 5.0, 2.0]])
    study = replace(plain, trials=tuple(replace(trial, metrics=metrics) for trial in plain.trials))
    assert said(study)[0].startswith(
        "The best validation accuracy is 98.46 % (1 of 65 samples wrong; largest class 98.46 %), reached by "
        "trial 0; it comes with"
    )
    warning = (
        '<p class="warning">The best validation accuracy, 98.46 % of trial 0, is not above what always '
        "guessing the largest class gives, 98.46 %.</p>"
    )
    text = page(study, Path("runs/small"))
    assert warning in text
    assert "Validation accuracy: 65 samples, largest class 98.46 %." in text
    assert dict(facts(digest(study)))["Data set"].endswith(": 65 samples, largest class 98.46 %")
    assert 'class="warning"' not in page(plain, Path("runs/small"))  # a record of before it was measured


def test_tooltips_tell_first_what_an_accuracy_is_of() -> None:
    names = [
        "macs",
        "n_classes",
        "n_train_classes",
        "n_val_classes",
        "n_val_samples",
        "val_largest_class_share",
    ]
    told = tooltip_metrics({"number": [], **{f"metric.{name}": [] for name in names}})
    assert told == ["n_val_samples", "val_largest_class_share", "macs"]


def test_the_facts_of_a_study() -> None:
    found = {label: text.replace("\u00a0", " ") for label, text in facts(digest(digits_study(60)))}
    assert found["Data set"] == "Digits, 10 % of the training images held out"
    assert found["Model"] == "spiking convnet"
    assert found["Searched"].startswith("9 params: T, gradient, width, lr, mode")
    assert re.fullmatch(
        r"60 of 60 trials \(\d+ complete, .*failed\), \d+ epochs, 7 min 41 s", found["Budget used"]
    )
    assert found["Seed"] == "7 for the sampler (auto), 0 for training"
    assert found["Machine"] == "Example CPU 9000, 8 cores, 31.2 GiB, Linux 6.1, trials ran on the CPU"
    assert found["Versions"].startswith("spikefront 0.1.0, python 3.11.9")
    assert found["Date"] == "14 March 2025, 09:20 to 09:27 UTC"


def test_facts_that_were_not_recorded_are_said_to_be_missing() -> None:
    study = Study(ODD["none"]().info.__class__("bare", {}, (MEMORY,)), ())
    found = dict(facts(digest(study)))
    assert found.pop("Budget used") == "0 trials, 0 epochs"
    assert found.pop("Searched") == "nothing"
    assert set(found.values()) == {"not recorded"}


def test_trials_on_other_devices_name_them() -> None:
    study = digits_study(2)
    machine = {"cpu": "C", "cores": 1, "devices": ["GPU A", "GPU B"], "memory_gib": None}
    trials = tuple(replace(t, device=f"cuda: GPU {'AB'[t.number]}") for t in study.trials)
    found = replace(study, info=replace(study.info, machine=machine), trials=trials)
    told = dict(facts(digest(found)))["Machine"]
    assert told == "C, 1 core, GPU A, GPU B, trials ran on cuda: GPU A and cuda: GPU B"


def test_fixed_fields_of_the_model_are_told() -> None:
    study = small([[90.0]], (ACCURACY,), lambda number: {})
    bare = replace(study, info=replace(study.info, space={"search": {"optim.lr": {"float": [0.1, 1.0]}}}))
    assert dict(facts(digest(bare)))["Model"] == "spiking convnet, width 1, T = 4, gradient bptt"


def test_a_study_over_midnight_and_one_without_an_end() -> None:
    study = small([[90.0]], (ACCURACY,))
    late = START + timedelta(hours=20)
    assert dict(facts(digest(replace(study, info=replace(study.info, finished_at=late)))))["Date"] == (
        "14 March 2025, 09:20 to 15 March 2025, 05:20 UTC"
    )
    running = replace(study.trials[0], finished_at=datetime(2025, 3, 14, 9, 30, tzinfo=UTC))
    open_end = replace(study, info=replace(study.info, finished_at=None), trials=(running,))
    assert dict(facts(digest(open_end)))["Date"].endswith("09:20 to 09:30 UTC")


def test_headings_stand_in_order() -> None:
    text = page(digits_study(12), Path("runs/x"))
    assert re.findall(r"<h2[^>]*>([^<]*)<", text) == [
        "The front",
        "Within a budget",
        "The front as a table",
        "How the search went",
        "All measured trials",
        "Which params mattered",
        "How the params act",
        "Params that act together",
        "What the method did",
        "Training",
    ]
    assert text.count("<h1>") == 1
