"""What a page of many trials does otherwise: cells, samples, and columns that travel packed."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.data.digest import MANY, MOST_CURVES, digest, sampled
from reports.data.packing import packed, rounded, short
from reports.front.front import PairFrame, pair_frame
from reports.front.front3d import MOST_POINTS, SpaceFrame, space_frame
from reports.front.front3d_figure import draw_space
from reports.front.front_figure import draw_pair
from reports.page import page
from studies.model import EpochRow, Study
from tests.reports.studies_for_tests import ACCURACY, LATENCY, MEMORY, small


@cache
def large() -> Study:
    """More than `MANY` trials, one of them far off, the last 500 with one epoch."""
    generator = np.random.default_rng(0)
    memory = np.exp(generator.uniform(0, 5, MANY))
    accuracy = 60 + 3 * np.log(memory) - generator.exponential(2, MANY)
    rows = np.stack([accuracy, memory, generator.uniform(1, 2, MANY)], axis=1).tolist()
    study = small([*rows, [11.0, 50.0, 3.0]])
    epochs = [EpochRow(n, 1, 0.1, 1.0, 50.0, 50.0, 1.0, 1.0, 0.0) for n in range(MANY - 499, MANY + 1)]
    return replace(study, epochs=tuple(epochs))


def test_dominated_trials_are_counted_in_cells_and_those_outside_stay_points() -> None:
    study = large()
    found = digest(study)
    frame = pair_frame(found, MEMORY, ACCURACY)
    assert isinstance(frame, PairFrame)
    assert frame.cells is not None
    assert frame.x.is_log
    assert frame.y_view is not None
    assert MANY in frame.loose
    assert set(frame.loose) == set(frame.outside)
    assert frame.cells.n_trials + len(frame.loose) == len(frame.dominated)
    counts = np.zeros((len(frame.cells.y) - 1, len(frame.cells.x) - 1), dtype=int)
    for number in set(frame.dominated) - set(frame.loose):
        values = study.trials[number].values
        across = np.searchsorted(frame.cells.x, values["train_memory_mib"], side="right") - 1
        upright = np.searchsorted(frame.cells.y, values["val_accuracy"], side="right") - 1
        counts[min(upright, counts.shape[0] - 1), min(max(across, 0), counts.shape[1] - 1)] += 1
    difference = np.abs(counts - np.array(frame.cells.counts)).sum()
    assert difference <= 4, "but for edges that rounding moves"
    figure = draw_pair(frame, "f")
    heat = figure.drawing["data"][0]
    assert heat["type"] == "heatmap"
    assert heat["z"][0].count(None) == frame.cells.counts[0].count(0)
    assert f"{frame.cells.n_trials:,} dominated trials are counted in cells" in figure.caption
    points = next(trace for trace in figure.drawing["data"] if trace["name"] == "dominated")
    assert points["x"]["rows"] == frame.loose


def test_a_small_study_has_no_cells() -> None:
    frame = pair_frame(digest(small([[90.0, 1.0], [80.0, 2.0]], (ACCURACY, MEMORY))), MEMORY, ACCURACY)
    assert isinstance(frame, PairFrame)
    assert frame.cells is None
    assert draw_pair(frame, "f").caption == ""


def test_space_shows_a_sample_of_the_dominated_and_says_so() -> None:
    found = digest(large())
    frame = space_frame(found)
    assert isinstance(frame, SpaceFrame)
    assert len(frame.dominated) == MOST_POINTS
    assert set(frame.dominated) <= {trial.number for trial in found.dominated}
    total = MOST_POINTS + frame.n_unshown
    assert total + frame.n_outside == len(found.dominated)
    assert f"Of {total:,} dominated trials a random 1,000 are shown." in draw_space(frame, "f").caption


def test_epochs_stay_for_the_front_and_a_sample_of_the_others() -> None:
    study = large()
    found = digest(study)
    front = {trial.number for trial in found.front}
    with_epochs = {row.number for row in study.epochs}
    kept = {row.number for row in found.study.epochs}
    assert front & with_epochs <= kept
    assert len(kept - front) == MOST_CURVES
    assert found.n_thinned == len(with_epochs - front) - MOST_CURVES
    assert len(found.recorded.epochs) == 500
    text = page(study, Path("runs/x"))
    n_others = len(with_epochs - front)
    assert f"Of {n_others} trials off the front, the curves of {MOST_CURVES} chosen at random" in text


def test_a_sample_is_always_the_same_and_in_order() -> None:
    numbers = list(range(0, 3000, 3))
    assert sampled(numbers, 50) == sampled(numbers, 50) == sorted(sampled(numbers, 50))
    assert len(set(sampled(numbers, 50))) == 50
    assert sampled(numbers, 1000) == numbers


CELL = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["a", "b", "true"]))
COLUMN = st.one_of(
    st.lists(CELL, max_size=40),
    st.lists(st.sampled_from([1.0, 2.5, None]), max_size=3).map(lambda few: sorted(9 * few, key=str)),
    st.lists(st.sampled_from(["none", "reliable", None]), min_size=20, max_size=40),
)  # fmt: skip


def unpacked(column: object) -> object:
    if isinstance(column, list):
        return column
    assert isinstance(column, dict)
    if "n" in column:
        return [column["same"]] * column["n"]
    if "places" in column:
        return [column["texts"][place] for place in column["places"]]
    runs = column["runs"]
    return [value for value, n in zip(runs[::2], runs[1::2], strict=True) for _ in range(n)]


@given(COLUMN)
def test_a_packed_column_comes_back(column: list[object]) -> None:
    text = json.dumps(packed({"a": column})["a"])
    assert unpacked(json.loads(text)) == json.loads(json.dumps(column))
    assert len(text) <= len(json.dumps(column)) + 25


def test_the_browser_unpacks_as_it_was_packed() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine; the browser tests read packed columns too")
    columns = {
        "same": ["complete"] * 9,
        "runs": [1] * 9 + [2] * 9 + [None] * 9,
        "texts": ["a", "b", None] * 9,
        "plain": [1.5, None, 3],
    }
    source = (Path(__file__).parents[2] / "reports" / "assets" / "data.js").read_text(encoding="utf-8")
    start = source.index("function unpacked")
    function = source[start : source.index("\n}\n", start) + 3]
    given_columns = json.dumps(packed(columns))
    code = f"{function}console.log(JSON.stringify(Object.values({given_columns}).map(unpacked)))"
    done = subprocess.run([node, "-e", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == list(columns.values())


def test_numbers_are_rounded_to_six_digits_but_for_exact_columns() -> None:
    third = 100 / 3
    found = packed({"a": [third, 1.0], "b": [third, 1.0]}, exact={"b"})
    assert found == {"a": [33.3333, 1.0], "b": [third, 1.0]}
    assert rounded(123456789) == 123456789
    assert math.isnan(rounded(math.nan))
    drawing = {"x": [third] * 3, "y": [third] * 1000}
    assert short(drawing) == {"x": [third] * 3, "y": [33.3333] * 1000}


def test_a_large_page_is_no_larger_than_its_data_needs() -> None:
    text = page(large(), Path("runs/x"))
    assert len(text) < 6.5e6
    assert LATENCY.name in text
