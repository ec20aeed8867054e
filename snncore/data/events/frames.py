"""Counts a stream of events into T frames. numpy only.

n events, T time steps, C channels, H × W pixels of the sensor, h × w of the frames.
"""

from __future__ import annotations

import numpy as np

from snncore.data.events.stream import Events, Ints
from snncore.data.specs import DataSpec


def frames_of_events(events: Events, T: int, spec: DataSpec, size: int | None, frames_by: str) -> Ints:
    """Number of events in each step, channel and pixel: int64 (T, C, h, w), with sum n.

    size: h = w, at most H and W; None: h × w = H × W. The event at column x goes to column x·w // W, rows
    likewise, so that the counts of several pixels add up. (128 -> 48: two or three columns become one.)
    frames_by: see `steps_of_events`.
    """
    h, w = (spec.height, spec.width) if size is None else (size, size)
    step = steps_of_events(events.t, T, frames_by)
    row, column = events.y * h // spec.height, events.x * w // spec.width
    cell = ((step * spec.channels + events.channel) * h + row) * w + column  # index into (T, C, h, w)
    counts = np.bincount(cell, minlength=T * spec.channels * h * w)
    return counts.reshape(T, spec.channels, h, w).astype(np.int64, copy=False)


def steps_of_events(t: Ints, T: int, frames_by: str) -> Ints:
    """The step 0 … T − 1 of each event, int64 (n,), from their times (n,), in any order.

    frames_by "time": T equal durations from the first event to the last.
    frames_by "count": in the order of time, T groups of n / T events; if T does not divide n, groups differ
    by one event. Events of the same time keep their order.
    """
    if len(t) == 0:
        return np.zeros(0, dtype=np.int64)
    if frames_by == "time":
        first, last = int(t.min()), int(t.max())
        return (t - first) * T // (last - first + 1)
    assert frames_by == "count", frames_by
    steps = np.empty(len(t), dtype=np.int64)
    steps[np.argsort(t, kind="stable")] = np.arange(len(t)) * T // len(t)
    return steps
