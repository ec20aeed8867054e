"""The few trials that decide front, knee and hypervolume, kept up as trials end."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from studies.model import Study, StudyInfo, Trial
from studies.pareto import directions, front, objective_values, rankable, to_minimise


class RunningFront:
    """`study` holds the front and, per objective, a trial with the worst value.

    Front, knee, reference point and hypervolume are those of the whole study, at a cost that depends on
    the size of the front alone.
    """

    def __init__(self, info: StudyInfo) -> None:
        self.study = Study(info, ())

    def add(self, trials: Iterable[Trial]) -> None:
        """Take in trials that have ended."""
        every = Study(self.study.info, tuple(chain(self.study.trials, trials)))
        candidates = rankable(every)
        if not candidates:
            return
        kept = {trial.number: trial for trial in front(every)}
        worst = to_minimise(objective_values(every, candidates), directions(every)).argmax(axis=0)
        kept |= {candidates[row].number: candidates[row] for row in worst}
        self.study = Study(every.info, tuple(kept[number] for number in sorted(kept)))
