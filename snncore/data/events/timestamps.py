"""Times of events that cannot be: one would stretch a recording, and put all others into one frame.

The rule. Nine tenths of the events, without the first and the last twentieth in the order of time, take some
span. Events further than ten times this span before or behind it are left out, and told. What remains is
refused where it is longer than a day, where all of it has one time, or where it lies in two groups ten times
as far apart as both take together, as after a counter that wrapped around. Recordings of less than 20 events
are left as they are: nothing can be said of them.

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
    """Which of the times (n,), in microseconds and any order, are far from those of the others.

    Raises:
        ValueError: the times of the others make no recording.
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
    """What is odd in the recordings of a part, gathered while they are read, told in a line each.

    part: in words, such as "nmnist: 20 training recordings".
    """

    part: str
    _far: list[tuple[str, int]] = field(default_factory=list)
    _empty: list[str] = field(default_factory=list)

    def sound(self, events: Events, place: str) -> Events:
        """The events without those whose times are far from the others'; place: of the recording.

        Raises:
            DamagedFileError: the times of the others make no recording.
        """
        if len(events) == 0:
            self._empty.append(place)
            return events
        try:
            is_far = far_events(events.t)
        except ValueError as error:
            raise DamagedFileError(Path(place), error) from error
        n_far = int(is_far.sum())
        if n_far == 0:
            return events
        self._far.append((place, n_far))
        near = ~is_far
        return Events(events.t[near], events.channel[near], events.y[near], events.x[near])

    def lines(self) -> list[str]:
        """One for each kind of oddity that there is."""
        lines = []
        if self._far:
            n, (place, n_first) = sum(n for _, n in self._far), self._far[0]
            lines.append(
                f"{self.part}: {len(self._far)} with {n} events whose times are far from all others, which "
                f"are left out; the first: {place}, {n_first} events"
            )
        if self._empty:
            lines.append(f"{self.part}: {len(self._empty)} without events; the first: {self._empty[0]}")
        return lines
