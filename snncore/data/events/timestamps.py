"""Removes events with impossible times, each of which would put all others into one frame.

The rule: the span is that of the middle nine tenths of the events in the order of time. Events more than ten
times the span before or after it are left out and reported. A recording is refused if the rest is longer than
a day, if all of it has the same time, or if it is in two groups whose distance is ten times their total span,
as after a counter that wrapped around. Recordings of less than 20 events are not changed.

n events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snncore.data.events.stream import Events, Ints
from snncore.data.files import DamagedFileError

_FEWEST, _TIMES = 20, 10
_LONGEST_US = 24 * 3600 * 10**6


def far_events(t: Ints) -> NDArray[np.bool_]:
    """Which of the times (n,), in microseconds and any order, are far from the others, by the rule above.

    Raises:
        ValueError: the rest is refused.
    """
    if len(t) < _FEWEST:
        return np.zeros(len(t), dtype=bool)
    ordered = t if bool((t[1:] >= t[:-1]).all()) else np.sort(t)
    edge = len(t) // 20
    low, high = int(ordered[edge]), int(ordered[-1 - edge])
    reach = _TIMES * max(1, high - low)
    first, last = np.searchsorted(ordered, (low - reach, high + reach + 1))
    _require_recording(ordered[first:last])
    return (t < low - reach) | (t > high + reach)


def _require_recording(ordered: Ints) -> None:
    span = int(ordered[-1] - ordered[0])
    if span == 0:
        raise ValueError(f"all of its {len(ordered)} events have the same time")
    if span > _LONGEST_US:
        raise ValueError(f"its events span {span / _LONGEST_US:.3g} days")
    gap = int(np.diff(ordered).max())
    if gap > _TIMES * (span - gap):
        raise ValueError(
            f"its events lie in two groups, {gap} microseconds apart, as after a counter that wrapped around"
        )


@dataclass
class Oddities:
    """Collects what is unusual in the recordings of a part while they are read.

    part: for messages, such as "nmnist: 20 training recordings".
    """

    part: str
    _far: list[tuple[str, int]] = field(default_factory=list)
    _empty: list[str] = field(default_factory=list)

    def without_far_events(self, events: Events, location: str) -> Events:
        """The events without those whose times are far from the others; location: of the recording.

        Raises:
            DamagedFileError: the rest is refused.
        """
        if len(events) == 0:
            self._empty.append(location)
            return events
        try:
            is_far = far_events(events.t)
        except ValueError as error:
            raise DamagedFileError(Path(location), error) from error
        n_far = int(is_far.sum())
        if n_far == 0:
            return events
        self._far.append((location, n_far))
        near = ~is_far
        return Events(events.t[near], events.channel[near], events.y[near], events.x[near])

    def lines(self) -> list[str]:
        """One line for each kind of oddity that was found."""
        lines = []
        if self._far:
            n, (location, n_first) = sum(n for _, n in self._far), self._far[0]
            lines.append(
                f"{self.part}: {len(self._far)} with {n} events whose times are far from all others, which "
                f"are left out; the first: {location}, {n_first} events"
            )
        if self._empty:
            lines.append(f"{self.part}: {len(self._empty)} without events; the first: {self._empty[0]}")
        return lines
