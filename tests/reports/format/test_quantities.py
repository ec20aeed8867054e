"""How quantities and numbers are written for people."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reports.format.quantities import (
    counted,
    listed,
    number_text,
    quantity,
    shortened,
    with_unit,
    written,
)
from spikefront.nested import get
from studies.text import number


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("val_accuracy", 97.2222222, "97.22"),
        ("latency_ms", 0.45321, "0.453"),
        ("latency_ms", 18.0, "18.0"),
        ("train_memory_mib", 15783.7, "15,784"),
        ("n_parameters", 16_000, "16,000"),
        ("n_parameters", 12_570_000, "12.6\u00a0M"),
        ("latency_under_load", True, "yes"),
        ("latency_ms", None, "–"),
        ("latency_ms", math.nan, "–"),
        ("firing_rate", 0.0, "0"),
        ("firing_rate", 2e-7, "2.00e-07"),
    ],
)
def test_metrics_are_written_by_their_kind(name: str, value: Any, text: str) -> None:
    assert written(name, value) == text


def test_a_setting_loses_its_last_zeros() -> None:
    assert [number_text(value) for value in (0.5, 2.0, 0.1, 1000.0, 0.0)] == ["0.5", "2", "0.1", "1,000", "0"]


def test_units_stay_on_the_line_of_their_number() -> None:
    assert with_unit("train_memory_mib", 12.04) == "12.0\u00a0MiB"
    assert with_unit("n_parameters", 7) == "7"


def test_quartiles_and_quiet_measurements_are_told_behind_their_metric() -> None:
    assert quantity("latency_ms_q25").title == "Latency, lower quartile (ms)"
    assert quantity("latency_ms_quiet_q75").label == "latency, quiet, upper quartile"
    assert quantity("train_step_ms_quiet").title == "Training step, quiet (ms)"
    assert quantity("wake_up_ms_quiet").title == "Wake up, quiet (ms)"
    assert quantity("_quiet").title


@pytest.mark.parametrize("value", [0.45321, 18.0, 15783.7, 2e-7, 9.996, 0.0, 999.96, -3.14159])
def test_a_measure_reads_alike_in_report_and_terminal(value: float) -> None:
    assert written("latency_ms", value) == number("latency_ms", value)
    assert written("val_accuracy", value) == number("val_accuracy", value)


def test_an_unknown_metric_is_read_by_its_name() -> None:
    assert quantity("wake_up_ms").title == "Wake up (ms)"
    assert quantity("oddness").title == "Oddness"


def test_words_in_sentences() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert [counted(1, "trial"), counted(2000, "trial")] == ["1 trial", "2,000 trials"]
    assert shortened("a\n b" + "x" * 40, 10) == "a bxxxxxx…"


def test_a_path_that_ends_early_gives_none() -> None:
    values = {"data": {"name": "digits"}, "T": 4}
    assert get(values, "data.name") == "digits"
    assert get(values, "T.deeper") is None
    assert get(values, "model.arch") is None
