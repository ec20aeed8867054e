"""Ray Tune's loop over a study: the search, replicates, quiet measuring; and what happens when it dies.

Tune's own state is never needed: the store knows which trials are still running,
and the loop is simply started again on the same study.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

from optuna.exceptions import StorageInternalError
from ray import tune

from search.early_stopping.halving import Halving, unknown_in_training
from search.early_stopping.recorded_halving import RecordedHalving
from search.errors import StudyFailedError
from search.propose.probe_ahead import ProbeAhead
from search.propose.proposer import Proposer
from search.result import Ending
from search.trials.outcome import of_error
from search.trials.store import TrialStore
from search.tune.callbacks import StopOnRequest, TuneCallback
from search.tune.job_factory import JobFactory, Setting
from search.tune.out_of_memory import MemoryJudge
from search.tune.phases import (
    Phases,
    QuietWork,
    ReplicateWork,
    SearchWork,
    Work,
    missing_replicates,
    to_measure_quietly,
)
from search.tune.scheduler import HalvingScheduler
from search.tune.searcher import WorkSearcher
from search.tune.stop_request import LeaveLoop, StopRequest
from search.tune.trainable import TrialTrainable
from spaces.space import Space
from spikefront.text import first_line

MAX_CRASHES = 3
"""The study fails when Ray Tune dies more often than this without a trial ending in between."""

_KILLED = re.compile(r"Selected to kill: .*?\bactual memory used=([\d.]+)GB, worker ID=(\w+)")
"""In the message of Ray 2.60's memory monitor; it lists workers, too, that were considered and live."""


def search(
    setting: Setting,
    store: TrialStore,
    stop: StopRequest,
    on_poll: Callable[[], None],
    say: Callable[[str], None],
    front: Callable[[], list[int]],
) -> tuple[Ending, str | None]:
    """Run trials until the budget or the space is used up, then train the front's replicates and measure
    its times again; or until a stop is requested. Returns why it ended, with a note.

    Raises:
        StudyFailedError: Ray Tune died again and again, or the storage or the record cannot be written.
        Exception: any other error of our own code inside Ray's loop.
    """
    memory = MemoryJudge(store, say)
    space, jobs = setting.space, JobFactory(setting, store, memory)
    ahead = ProbeAhead(store, space)
    proposer: Proposer | None = None

    def search_work() -> Work:
        nonlocal proposer
        proposer = Proposer(store, space)
        ahead.lost()
        jobs.begin_loop()
        return SearchWork(store, proposer, ahead, jobs, say)

    def replicates() -> Work:
        numbers = front()
        if n := len(missing_replicates(store, numbers, space.replicates)):
            say(f"training {n} replicates of the front's {len(numbers)} trials")
        return ReplicateWork(store, numbers, space.replicates, jobs)

    def quiet() -> Work:
        numbers = to_measure_quietly(store, front)
        if numbers:
            say(f"measuring the times of the front's {len(numbers)} trials again, one after another")
        return QuietWork(store, numbers, jobs, say)

    unknown = unknown_in_training(store.objectives)
    if space.fidelity is not None and unknown:
        is_known = "is known" if len(unknown) == 1 else "are known"
        say(f"early stopping is off: {', '.join(unknown)} {is_known} only after training")
    loop = _Loop(setting, store, stop, on_poll, say, memory)
    ending = loop.run(lambda: Phases(store, [search_work, replicates, quiet]))
    if ending is not None:
        return ending, None
    assert proposer is not None, "every Tune run begins with the search"
    return ("exhausted", proposer.exhausted) if proposer.exhausted else ("budget", None)


class _Loop:
    """Ray Tune's loop over one study; started again when it dies, a few times."""

    def __init__(
        self,
        setting: Setting,
        store: TrialStore,
        stop: StopRequest,
        on_poll: Callable[[], None],
        say: Callable[[str], None],
        memory: MemoryJudge,
    ) -> None:
        self._setting, self._store, self._stop = setting, store, stop
        self._on_poll, self._say, self._memory = on_poll, say, memory

    def run(self, make_work: Callable[[], Work]) -> Ending | None:
        """Work until there is none left; None, or why it stopped before. Raises as `search` does."""
        stop, store = self._stop, self._store
        n_crashes = n_ended = 0
        while True:
            for trial in store.mine():
                trial.handed_out = False
            crash = self._tune_run(make_work())
            stop.guard(lambda: None)  # Ray's death is not a crash of Tune
            if isinstance(stop.error, OSError | StorageInternalError):
                raise StudyFailedError(
                    f"its storage or record cannot be written: {stop.error}"
                ) from stop.error
            if stop.error is not None:
                raise stop.error
            ending = stop.ending()
            if crash is None or ending is not None:
                return ending
            has_victim = _judge_memory_victim(store, crash, self._memory)
            ended = len(store.trials) - len(store.running())
            n_crashes = 1 if ended > n_ended or has_victim else n_crashes + 1
            n_ended = ended
            if n_crashes > MAX_CRASHES:
                raise StudyFailedError(f"Ray Tune died {n_crashes} times in a row: {crash}") from crash
            self._say(f"Ray Tune died ({first_line(crash.__cause__ or crash)}); its trials are started again")

    def _tune_run(self, work: Work) -> Exception | None:
        """One Tune run; the exception that ended it, if any."""
        setting, stop = self._setting, self._stop
        scheduler = HalvingScheduler(_make_halving(setting.space, self._store))
        searcher = WorkSearcher(work, scheduler.reasons, stop)
        # Tune's own files: in the run folder because every node must see them, removed at the end.
        scratch = setting.folder.scratch(self._store.drivers.me)
        shutil.rmtree(scratch, ignore_errors=True)  # a driver that was killed leaves its own
        try:
            # `tune.run`, not `Tuner`: that one pickles the callbacks, and with them the open storage.
            tune.run(
                TrialTrainable,
                name="study",
                storage_path=str(scratch),
                search_alg=searcher,
                scheduler=scheduler,
                stop=StopOnRequest(stop),
                callbacks=[TuneCallback(searcher.tasks, stop, self._on_poll, self._say)],
                max_concurrent_trials=setting.allotments.n_slots(),
                num_samples=-1,
                reuse_actors=True,
                max_failures=0,  # retries are ours: Tune has none for a worker that dies while it starts
                raise_on_failed_trial=False,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                trial_dirname_creator=lambda trial: f"trial-{trial.trial_id}",
                verbose=0,
            )
        except LeaveLoop:
            return None
        except Exception as error:
            return error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if not (searcher.is_finished or stop.is_wanted()):
            stop.interrupted = True  # Tune ends its loop at a SIGUSR1, whatever is left to do
        return None


def _make_halving(space: Space, store: TrialStore) -> RecordedHalving | None:
    if space.fidelity is None:
        return None
    halving = Halving(space.fidelity.min_epochs, space.fidelity.eta, store.objectives)
    return RecordedHalving(halving, store)


def _judge_memory_victim(store: TrialStore, crash: Exception, memory: MemoryJudge) -> bool:
    """Judge the trial whose worker Ray killed because a node ran out of memory; whether there is one.

    Ray Tune 2.60 does not expect that error: its whole loop ends with it. The message names the workers that
    were killed, by ids that no two workers of a cluster share, and what memory each had. Ray may kill several
    at once, small ones too: the largest is judged, the others are tried again.

    Raises:
        StudyFailedError: see `MemoryJudge.judge`.
    """
    cause = crash.__cause__ or crash
    outcome = of_error(cause)
    if outcome is None or not outcome.out_of_memory:
        return False
    used_gb = {worker: float(used) for used, worker in _KILLED.findall(str(cause))}
    victims = [trial for trial in store.mine() if trial.handed_out and trial.ray_worker in used_gb]
    if not victims:
        return False
    largest = max(victims, key=lambda trial: used_gb[trial.ray_worker or ""])
    judged = memory.judge(largest, outcome)
    if judged is not None:
        store.finish(largest.number, judged)
    return True
