from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from snncore.data.events.frames import frames_of_events, steps_of_events
from snncore.data.events.stream import Events
from snncore.data.specs import DataSpec

SPEC = DataSpec(n_classes=2, channels=2, height=6, width=9, n_train=1, n_test=1, has_time=True)


def plain_frames(events: Events, T: int, size: int | None, frames_by: str) -> NDArray[np.int64]:
    """The definition, event by event."""
    h, w = (SPEC.height, SPEC.width) if size is None else (size, size)
    frames = np.zeros((T, SPEC.channels, h, w), dtype=np.int64)
    times = [int(t) for t in events.t]
    order = sorted(range(len(times)), key=lambda event: times[event])  # stable
    for place, event in enumerate(order):
        if frames_by == "count":
            step = place * T // len(times)
        else:
            step = (times[event] - min(times)) * T // (max(times) - min(times) + 1)
        y, x = int(events.y[event]) * h // SPEC.height, int(events.x[event]) * w // SPEC.width
        frames[step, events.channel[event], y, x] += 1
    return frames


def make_events(n: int, seed: int, last: int = 1000) -> Events:
    rng = np.random.default_rng(seed)
    return Events(*(rng.integers(0, high, n) for high in (last, SPEC.channels, SPEC.height, SPEC.width)))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 40),
    seed=st.integers(0, 10**6),
    last=st.sampled_from([1, 3, 1000]),
    T=st.integers(1, 12),
    size=st.sampled_from([None, 1, 4, 6]),
    frames_by=st.sampled_from(["time", "count"]),
)
def test_frames_are_those_of_the_definition_and_lose_no_event(
    n: int, seed: int, last: int, T: int, size: int | None, frames_by: str
) -> None:
    events = make_events(n, seed, last)
    frames = frames_of_events(events, T, SPEC, size, frames_by)
    assert np.array_equal(frames, plain_frames(events, T, size, frames_by))
    assert frames.sum() == n


def test_equal_durations_cut_the_span_of_the_recording() -> None:
    t = np.array([100, 101, 149, 150, 199])  # 100 microseconds long
    assert steps_of_events(t, 2, "time").tolist() == [0, 0, 0, 1, 1]


def test_equal_counts_follow_time_not_the_order_of_the_file() -> None:
    t = np.array([50, 10, 40, 20, 30, 60, 70])
    assert steps_of_events(t, 3, "count").tolist() == [1, 0, 1, 0, 0, 2, 2]


def test_frames_do_not_depend_on_when_the_recording_began() -> None:
    events = make_events(30, seed=1)
    later = Events(events.t + 1_650_000_000_000_000, events.channel, events.y, events.x)
    for frames_by in ("time", "count"):
        early, late = (frames_of_events(each, 5, SPEC, None, frames_by) for each in (events, later))
        assert np.array_equal(early, late)


@pytest.mark.parametrize("frames_by", ["time", "count"])
def test_events_of_one_moment_are_not_lost(frames_by: str) -> None:
    events = make_events(20, seed=2, last=1)
    steps = steps_of_events(events.t, 4, frames_by)
    assert steps.tolist() == ([0] * 20 if frames_by == "time" else sorted([0, 1, 2, 3] * 5))
