"""The clock of a study: seconds since it began, without the pauses in which no trial ran."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from studies.model import Study, Trial

PAUSE_S = 60.0
"""A gap of at least this many seconds in which no trial ran is a pause."""

_UNITS = (("s", 1.0, 180.0), ("min", 60.0, 3 * 3600.0), ("h", 3600.0, math.inf))

Span = tuple[datetime, datetime]

_LONGEST_S = 100 * 365 * 86_400.0
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Clock:
    """begin: when the study began. pauses: from and to, in seconds of real time since then, in order."""

    begin: datetime
    pauses: tuple[tuple[float, float], ...] = ()

    def seconds(self, moment: datetime) -> float:
        """Seconds from the beginning to a moment; pauses are not counted."""
        since = (utc(moment) - self.begin).total_seconds()
        return since - sum(min(since, to) - start for start, to in self.pauses if start < since)

    @property
    def cuts(self) -> list[tuple[float, float]]:
        """For each pause the counted seconds before it, and its length in seconds."""
        cuts, lost = [], 0.0
        for start, to in self.pauses:
            cuts.append((start - lost, to - start))
            lost += to - start
        return cuts


def study_clock(study: Study) -> Clock | None:
    """The clock of a study; None where no trial has a start time."""
    starts = [utc(trial.started_at) for trial in study.trials if trial.started_at]
    if not starts:
        return None
    about = study.info.started_at
    begin = min([*starts, *([utc(about)] if about else [])])
    spans = sorted([*working_spans(study).values(), *((start, start) for start in starts)])
    pauses, covered = [], spans[0][0]
    for start, end in spans:
        if (start - covered).total_seconds() >= PAUSE_S:
            pauses.append(((covered - begin).total_seconds(), (start - begin).total_seconds()))
        covered = max(covered, end)
    return Clock(begin, tuple(pauses))


def working_spans(study: Study) -> dict[int, Span]:
    """By number: start and end of the time in which a worker ran the trial.

    Of a trial that was begun more than once only the first start and the end are known: the span is as long
    as its epochs took and ends with it, so that the time between attempts is not counted. A trial without an
    end time gets a span as long as its epochs took. A trial without a start time is left out.
    """
    trained = epoch_seconds(study)
    spans = {trial.number: _span(trial, trained) for trial in study.trials}
    return {number: span for number, span in spans.items() if span}


def epoch_seconds(study: Study) -> dict[int, float]:
    """By number: the seconds of all recorded epochs; trials without an epoch are left out.

    An epoch of more than a century is a damaged record, and not counted.
    """
    totals: dict[int, float] = defaultdict(float)
    for row in study.epochs:
        if 0 <= row.seconds <= _LONGEST_S:
            totals[row.number] += row.seconds
    return dict(totals)


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit in which a length of time is drawn, and how many seconds it has."""
    return next((name, size) for name, size, most in _UNITS if seconds <= most)


def _span(trial: Trial, trained: Mapping[int, float]) -> Span | None:
    if trial.started_at is None:
        return None
    start, work = utc(trial.started_at), timedelta(seconds=min(trained.get(trial.number, 0.0), _LONGEST_S))
    if trial.finished_at is None:
        return start, start + min(work, _LAST - start)
    end = max(start, utc(trial.finished_at))
    return (start if trial.attempts <= 1 else end - min(work, end - start)), end


def utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken to be UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
