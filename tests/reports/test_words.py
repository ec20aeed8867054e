"""The head of the page: facts and sentences."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reports.digest import digest
from reports.facts import duration, facts
from reports.hypervolume import hypervolume_frame
from reports.page import page
from reports.summary import change, sentences
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
    texts = [
        html.unescape(re.sub("<[^>]*>", "", text)) for text in sentences(found, hypervolume_frame(found))
    ]
    return [text.replace("\u00a0", " ") for text in texts]


def test_the_sentences_tell_the_best_its_price_the_knee_and_the_front() -> None:
    study = small([[90.0, 10.0, 1.0], [98.0, 100.0, 2.0], [97.0, 20.0, 1.1], [80.0, 50.0, 9.0]])
    best, knee, front = said(study)
    assert best == (
        "The best validation accuracy is 98.00 %, reached by trial 1; "
        "it comes with 100 MiB of training memory and 2.00 ms of latency."
    )
    assert knee == (
        "The knee of the front, the best compromise, is trial 2 with 97.00 %, 20.0 MiB and 1.10 ms: "
        "compared with the best trial, validation accuracy 1.00 points lower, training memory 80 % lower "
        "and latency 45 % lower."
    )
    assert front == (
        "3 trials stand on the front, of 4 complete ones; "
        "90 % of its hypervolume was there after 3 of 4 trials."
    )


def test_replicates_are_told_beside_the_best_and_counted_apart() -> None:
    study = noisy_study()
    best = digest(study).front[0]
    spread = spreads(study)[best.number]["val_accuracy"]
    assert (
        f"trial {best.number} ({spread.mean:.2f} ± {spread.sd:.2f} % over 3 seeds); it comes"
        in said(study)[0]
    )
    assert said(study)[2].startswith(f"{len(digest(study).front)} trials stand on the front, of ")
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
        "1 trial stands on the front, of 1 complete one.",
    ]
    assert len(said(ODD["one_objective"]())) == 2


@pytest.mark.parametrize(
    ("objective", "before", "after", "text"),
    [
        (ACCURACY, 98.0, 97.5, "validation accuracy 0.50 points lower"),
        (LATENCY, 2.0, 3.0, "latency 50 % higher"),
        (LATENCY, 2.0, 2.0, "latency the same"),
        (LATENCY, 2000.0, 2001.0, "latency less than 1 % higher"),
        (Objective("gain_ms", "maximize"), -1.0, 1.5, "gain 2.50 ms higher"),
    ],
)
def test_changes_in_words(objective: Objective, before: float, after: float, text: str) -> None:
    base, other = (Trial(0, "complete", {}, {}, values={objective.name: v}) for v in (before, after))
    assert change(objective, base, other).replace("\u00a0", " ") == text


def test_the_facts_of_a_study() -> None:
    found = {label: text.replace("\u00a0", " ") for label, text in facts(digest(digits_study(60)))}
    assert found["Data set"] == "Digits, 10 % of the training images held out"
    assert found["Model"] == "spiking convnet"
    assert found["Searched"].startswith("9 knobs: T, gradient, width, lr, mode")
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


def test_durations() -> None:
    spans = [timedelta(seconds=12.4), timedelta(minutes=6, seconds=2), timedelta(hours=30, minutes=5)]
    assert [duration(span) for span in spans] == ["12 s", "6 min 2 s", "30 h 5 min"]


def test_headings_stand_in_order() -> None:
    text = page(digits_study(12), Path("runs/x"))
    assert re.findall(r"<h2[^>]*>([^<]*)<", text) == [
        "The front",
        "The front as a table",
        "How the search went",
        "All finished trials",
        "Which knobs mattered",
        "Training",
    ]
    assert text.count("<h1>") == 1
