"""Parallel coordinates: where a brush can end, and what can be kept without a pointer."""

from __future__ import annotations

import numpy as np

from reports.data.digest import digest
from reports.params.parallel import MAX_SNAPS, ParallelFrame, parallel_frame
from reports.params.parallel_figure import draw_parallel
from tests.reports.studies_for_tests import ACCURACY, MEMORY, ODD, digits_study, small


def test_a_brush_can_end_at_each_value_and_no_two_ticks_have_one_text() -> None:
    """Plotly lets a brush end at ticks only, and places them by their texts."""
    found = digest(digits_study(50))
    frame = parallel_frame(found)
    assert isinstance(frame, ParallelFrame)
    dimensions = draw_parallel(frame).drawing["data"][0]["dimensions"]
    for axis, dimension in zip(frame.axes, dimensions, strict=True):
        assert len(set(dimension["ticktext"])) == len(dimension["tickvals"])
        assert dimension["tickvals"] == sorted(dimension["tickvals"])
        shown = {text.strip("\u200b\u200c") for text in dimension["ticktext"]} - {""}
        assert shown == {text for _, text in axis.ticks}
    memory = next(place for place, axis in enumerate(frame.axes) if axis.column == "value.train_memory_mib")
    values = {trial.values["train_memory_mib"] for trial in found.measured}
    assert values <= set(dimensions[memory]["tickvals"])


def test_the_best_quarter_of_each_objective() -> None:
    generator = np.random.default_rng(2)
    rows = [[float(generator.normal(90, 3)), float(generator.uniform(1, 1000))] for _ in range(400)]
    frame = parallel_frame(digest(small(rows, (ACCURACY, MEMORY))))
    assert isinstance(frame, ParallelFrame)
    for quarter, column, is_log in zip(frame.quarters, np.array(rows).T, (False, True), strict=True):
        places = np.log10(column) if is_log else column
        kept = (quarter.low <= places) & (places <= quarter.high)
        assert kept.sum() == 100
        assert kept[np.argmax(places) if not is_log else np.argmin(places)]
        snaps = frame.axes[quarter.axis].snaps
        assert MAX_SNAPS <= len(snaps) <= MAX_SNAPS + 4
        beyond = np.sort(places)[-101] if not is_log else np.sort(places)[100]
        assert {quarter.low, quarter.high, beyond} <= set(snaps)


def test_an_objective_that_is_the_same_everywhere_has_no_best_quarter() -> None:
    frame = parallel_frame(digest(ODD["all_equal"]()))
    assert isinstance(frame, ParallelFrame)
    assert frame.quarters == []
