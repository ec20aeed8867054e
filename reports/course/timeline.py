"""When each trial ran and on which worker, and how much of the workers' time was used."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.data.digest import Digest
from reports.format.study_time import Clock, epoch_seconds, study_clock, working_spans
from reports.html.figure import Card
from studies.model import Trial

MAX_BARS = 2000
"""Above this number of trials only the utilisation is drawn, without bars."""

MAX_ROWS = 100
"""The same above this number of workers or slots."""

LONGEST_ON_PHONE = 14
"""Names of rows with more characters are not shown on a phone."""

N_BINS = 120
"""The utilisation is averaged over this number of equal parts of the time."""


@dataclass(frozen=True)
class Bar:
    """A trial on its row: from when, and for how long, in seconds of the study's clock."""

    trial: Trial
    row: int
    start_s: float
    seconds: float


@dataclass(frozen=True)
class TimelineFrame:
    """bars: one a trial that was begun, by start; empty where there are too many of them.

    rows: what each row of bars is called, from the top: a worker, or a slot where the workers are not known
    or too many. n_trials: how many were begun. slots: the largest number that ran at once.
    edges_s: the ends of the `N_BINS` parts of the time (one number more than parts).
    used: of each part, the share of slot-time in which a trial ran, 0 to 1.
    used_mean: the same over all the time. trained_mean: the share of slot-time spent in recorded epochs;
    None where there is no epoch. cuts: as in `Clock`. objectives: the names of the study's.
    """

    bars: list[Bar]
    rows: list[str]
    n_trials: int
    slots: int
    edges_s: list[float]
    used: list[float]
    used_mean: float
    trained_mean: float | None
    cuts: list[tuple[float, float]]
    objectives: list[str]

    @property
    def has_long_rows(self) -> bool:
        """Whether the names of the rows take too much of a phone's width."""
        return any(len(name) > LONGEST_ON_PHONE for name in self.rows)

    @property
    def elapsed_s(self) -> float:
        """The length of the study's time without its pauses."""
        return self.edges_s[-1]


def timeline_frame(digest: Digest) -> TimelineFrame | Card:
    """The frame of all trials and replicates that were begun, or why there is none."""
    clock = study_clock(digest.recorded)
    title = "Trials on their workers"
    if clock is None:
        return Card(title, "The record holds no times of the trials.")
    begun = _bars(digest, clock)
    elapsed = max(bar.start_s + bar.seconds for bar in begun)
    if elapsed <= 0 or not any(bar.seconds > 0 for bar in begun):
        return Card(title, "No trial took any time by the record, so there is nothing to draw.")
    slots = most_at_once(begun)
    edges = np.linspace(0.0, elapsed, N_BINS + 1)
    taken = np.diff(_worked_until(begun, edges))
    trained = sum(epoch_seconds(digest.recorded).values())
    rows, placed = _in_rows(begun)
    is_drawn = len(begun) <= MAX_BARS and len(rows) <= MAX_ROWS
    return TimelineFrame(
        bars=placed if is_drawn else [],
        rows=rows if is_drawn else [],
        n_trials=len(begun),
        slots=slots,
        edges_s=edges.tolist(),
        used=np.minimum(1.0, taken / (np.diff(edges) * slots)).tolist(),
        used_mean=sum(bar.seconds for bar in begun) / (elapsed * slots),
        trained_mean=min(1.0, trained / (elapsed * slots)) if trained else None,
        cuts=clock.cuts,
        objectives=[objective.name for objective in digest.objectives],
    )


def most_at_once(bars: Sequence[Bar]) -> int:
    """The largest number of bars at any moment; one that ends when another begins does not overlap it."""
    events = [(bar.start_s, 1) for bar in bars if bar.seconds > 0]
    events += [(bar.start_s + bar.seconds, -1) for bar in bars if bar.seconds > 0]
    running = np.cumsum([step for _, step in sorted(events)])
    return int(running.max(initial=1))


def _bars(digest: Digest, clock: Clock) -> list[Bar]:
    trials = {trial.number: trial for trial in digest.recorded.trials}
    bars = []
    for number, (start, end) in working_spans(digest.recorded).items():
        start_s = clock.seconds(start)
        bars.append(Bar(trials[number], 0, start_s, clock.seconds(end) - start_s))
    return sorted(bars, key=lambda bar: (bar.start_s, bar.trial.number))


def _worked_until(bars: Sequence[Bar], moments: np.ndarray) -> np.ndarray:
    """The seconds of all bars before each moment, (m,)."""
    return sum(
        (np.clip(moments - bar.start_s, 0.0, bar.seconds) for bar in bars), start=np.zeros(len(moments))
    )


def _in_rows(bars: Sequence[Bar]) -> tuple[list[str], list[Bar]]:
    """The names of the rows, one for each worker in order of its first trial, and the bars in their rows."""
    workers = list(dict.fromkeys((bar.trial.node, bar.trial.worker) for bar in bars))
    if any(worker is None for _, worker in workers) or len(workers) > MAX_ROWS:
        return _in_slots(bars)
    is_one_node = len({node for node, _ in workers}) == 1
    names = [f"worker {worker}" if str(worker).isdigit() else str(worker) for _, worker in workers]
    if not is_one_node:
        names = [f"{node}, {name}" for (node, _), name in zip(workers, names, strict=True)]
    rows = {worker: row for row, worker in enumerate(workers)}
    return names, [_on_row(bar, rows[bar.trial.node, bar.trial.worker]) for bar in bars]


def _in_slots(bars: Sequence[Bar]) -> tuple[list[str], list[Bar]]:
    """Each bar on the first row that is free when it begins."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    placed, n_rows = [], 0
    for bar in bars:
        while busy and busy[0][0] <= bar.start_s:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            row = heapq.heappop(free)
        else:
            row, n_rows = n_rows, n_rows + 1
        heapq.heappush(busy, (bar.start_s + bar.seconds, row))
        placed.append(_on_row(bar, row))
    return [f"slot {row + 1}" for row in range(n_rows)], placed


def _on_row(bar: Bar, row: int) -> Bar:
    return Bar(bar.trial, row, bar.start_s, bar.seconds)
