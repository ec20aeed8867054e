"""Why a trial ran out of memory: because of its config, of trials beside it, or of the environment.

Decided here alone, whether an exception, a worker that the kernel killed, or Ray's memory monitor showed it.
The config is the cause only if the trial runs out again alone while other trials can be trained here. Until
then it waits, running in the record, and nothing is reported to a sampler.

- Nothing has trained in this driver yet: it is run again at once, alone. When `MAX_ALIKE` trials have run out
  alone and none has trained, the environment is broken.
- Else it is run again, alone, when a trial begun after it ran out has trained an epoch, or when nothing else
  is left to do. If it runs out once more, that is its end.

"Alone": with a GPU for itself where the GPU's memory ran out, else with nothing else of this driver running;
and without another driver's trial on its node.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from search.errors import StudyFailedError
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from search.tune.repeated_failures import MAX_ALIKE
from search.worker.jobs import Allotment
from studies.model import State

REMEDY = (
    "none is held against its config. End what else uses the memory (see nvidia-smi, top), or give trials "
    "more of it (`resources` in the space), then continue with --resume, which tries them again"
)


_OF_GPU = re.compile("CUDA|CUBLAS|CUDNN|HIP|GPU", re.IGNORECASE)


class _Alone(NamedTuple):
    """A trial that is run alone. is_last: its config is the cause if it runs out again."""

    is_last: bool
    needs_all: bool


class MemoryJudge:
    """Knows which trials of this driver ran out of memory, and when others trained. say: for the user."""

    def __init__(self, store: TrialStore, say: Callable[[str], None] = lambda line: None) -> None:
        self._store, self._say = store, say
        # Moments are counted: a trial is handed out, a trial runs out.
        self._moments = itertools.count(1)
        self._began: dict[int, int] = {}
        self._ran_out: dict[int, int] = {}
        self._trained = 0  # the latest beginning of a trial that has trained an epoch here; 0: none has
        self._alone: dict[int, _Alone] = {}  # those handed out alone
        self._ran_out_alone: set[int] = set()

    def begin_loop(self) -> None:
        """Ray Tune's loop starts again: nothing is handed out."""
        self._alone.clear()

    def began(self, trial: StoredTrial) -> None:
        """A trial is handed out."""
        self._began[trial.number] = next(self._moments)
        self._store.wait_for_memory(trial.number, None)

    def begins_alone(self, trial: StoredTrial, allotment: Allotment, is_last: bool) -> None:
        """A trial that waits is handed out with this allotment. is_last: nothing else is left to do."""
        needs_all = self.needs_all(trial, allotment)
        self._alone[trial.number] = _Alone(is_last or self._is_confirmed(trial), needs_all)
        self._say(f"trial {trial.number} is run again alone: {trial.out_of_memory}")

    def is_alone(self, trial: StoredTrial) -> bool:
        """Whether it is handed out alone, or was and its worker died."""
        return trial.number in self._alone

    def needs_all(self, trial: StoredTrial, allotment: Allotment) -> bool:
        """Whether running it alone means nothing else on any device, rather than nothing else on its GPU."""
        if trial.number in self._alone:
            return self._alone[trial.number].needs_all
        return allotment.gpu == 0 or _OF_GPU.search(trial.out_of_memory or "") is None

    def has_all(self, trial: StoredTrial) -> bool:
        """Whether a trial that is handed out is alone, and needs all."""
        return trial.number in self._alone and self._alone[trial.number].needs_all

    def trained(self, trial: StoredTrial) -> None:
        """A trial has trained an epoch."""
        self._trained = max(self._trained, self._began.get(trial.number, 0))

    def is_due(self, trial: StoredTrial) -> bool:
        """Whether a waiting trial is to be run again before anything new."""
        if self.has_neighbours(trial):
            return False
        is_new = trial.number in self._ran_out and trial.number not in self._ran_out_alone
        return self._is_confirmed(trial) or (not self._trained and is_new)

    def has_neighbours(self, trial: StoredTrial) -> bool:
        """Whether another driver's trial runs where this one ran out of memory, as far as is known."""
        drivers, node = self._store.drivers, trial.start.get("node")
        return any(
            other.driver != drivers.me
            and other.out_of_memory is None
            and (node is None or other.start.get("node") in (None, node))
            and drivers.is_alive(other.driver)
            for other in self._store.running()
        )

    def judge(self, trial: StoredTrial, outcome: Outcome) -> Outcome | None:
        """The outcome of a trial that ran out of memory; None: it waits to be run again.

        Raises:
            StudyFailedError: too many ran out, and none has trained.
        """
        number = trial.number
        reason = f"{outcome.reason}; {self._probed(trial)}"
        alone = self._alone.pop(number, None)
        is_last = alone is not None and alone.is_last
        if alone is not None:
            self._ran_out_alone.add(number)
        if is_last and (self._trained or any(other.rows for other in self._store.trials.values())):
            # That a config has room is known when it has been trained with another seed.
            state: State = "infeasible" if trial.replicate_of is None else "failed"
            return replace(outcome, state=state, reason=f"{reason}; it was alone")
        self._ran_out[number] = next(self._moments)
        self._store.wait_for_memory(number, reason)
        trial.handed_out = False
        if not self._trained and (is_last or len(self._ran_out_alone) >= MAX_ALIKE):
            self._give_up(number, reason)
        return None

    def _give_up(self, number: int, reason: str) -> None:
        n = len(self._ran_out_alone)
        trials = f"{n} trials in a row" if n > 1 else "a trial"
        raise StudyFailedError(
            f"{trials} ran out of memory, also alone, and no trial has trained an epoch; the last is trial "
            f"{number}: {reason}; {REMEDY}"
        )

    def _is_confirmed(self, trial: StoredTrial) -> bool:
        """Whether a trial begun after this one ran out has trained, so that there is memory to train in."""
        return self._trained > self._ran_out.get(trial.number, 0)

    def _probed(self, trial: StoredTrial) -> str:
        """What the probe measured of its memory, for the reason."""
        known = trial.metrics or self._store.probed.get(trial.probe_key or "", {})
        mib = known.get("train_memory_mib")
        return "its memory had not been probed" if mib is None else f"probed: train_memory_mib {mib:.5g}"
