"""What happens at each step of Ray Tune's loop: reports and errors are recorded, stop requests obeyed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
from ray import tune

from search.cluster.no_worker import NoWorkerNotice
from search.cluster.ray_watch import logs_folder
from search.trials.outcome import Outcome, of_error
from search.tune.stop_request import LeaveLoop, StopRequest
from search.tune.tasks import Task
from search.tune.trainable import REPORT
from search.worker.memory_kills import death_reason

MAX_REASON = 500
"""Characters of an exception's last line that are kept; a dead worker's runs to several thousand."""


class TuneCallback(tune.Callback):  # type: ignore[misc]  # ray is not typed here
    """Ray Tune's callback.

    tasks: what was handed out, by Tune's id. on_poll: called some ten times a second (display, record).
    say: called with a line when no worker comes up.
    An exception of ours ends the study through `stop.error`: Ray would log it, count it as a failure of
    the trial, and continue.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        stop: StopRequest,
        on_poll: Callable[[], None],
        say: Callable[[str], None] = print,
    ) -> None:
        self._tasks, self._stop, self._on_poll = tasks, stop, on_poll
        self._actors: list[Any] = []
        self._no_worker = NoWorkerNotice(say, logs_folder)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has taken a task."""
        task = self._tasks[trial.trial_id]
        self._stop.guard(lambda: task.started(*_worker(trial)))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A report came, also the one at which a trial is stopped."""
        task = self._tasks[trial.trial_id]
        self._stop.guard(lambda: task.noted(result[REPORT]))
        if self._stop.has_dropped:
            # Ray gives up the trial for it. Asked for its next step, the worker would save a checkpoint of an
            # epoch that no record has.
            raise RuntimeError("the report was not recorded")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A task failed; the task decides whether it is tried again."""
        task = self._tasks[trial.trial_id]
        self._stop.guard(lambda: task.failed(failure(_last_error(trial))))

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Remember the actors: Ray forgets those of trials it ends."""
        unfinished = [trial for trial in trials if not trial.is_finished()]
        actors = (trial.temporary_state.ray_actor for trial in unfinished)
        self._actors = [actor for actor in actors if actor is not None]
        is_waiting = bool(unfinished) and all(trial.status == trial.PENDING for trial in unfinished)
        self._stop.guard(lambda: self._no_worker.poll(is_waiting))

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Call `on_poll`, and end what still runs when the study stops."""
        self._stop.guard(self._on_poll)
        if self._stop.ray_died:
            raise LeaveLoop
        if self._stop.obeyed:
            # Ray would wait for the epoch to end, then up to 10 s; the last checkpoint is enough.
            for actor in self._actors:
                ray.kill(actor)


class StopOnRequest(tune.Stopper):  # type: ignore[misc]  # ray is not typed here
    """Ends Ray Tune's loop when a stop is wanted; running trials stay running in the record."""

    def __init__(self, stop: StopRequest) -> None:
        self._stop = stop

    def __reduce__(self) -> tuple[Any, ...]:
        # Tune pickles it into snapshots that are never read; the open storage behind it must not follow.
        return StopOnRequest, (StopRequest(),)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No trial is stopped by itself here: the scheduler does that."""
        return False

    def stop_all(self) -> bool:
        """Whether the whole study stops."""
        self._stop.obeyed = self._stop.is_wanted()
        return self._stop.obeyed


def failure(error: BaseException | None) -> Outcome:
    """The outcome of a trial that failed for good: `failed` with the last line of the exception.

    As `search.trials.outcome.of_error` has it where the config may be the cause.
    """
    cause = getattr(error, "cause", None) or error
    if cause is None:
        return Outcome("failed", "the worker died without a message")
    outcome = of_error(cause)
    if outcome is not None:
        return outcome
    if isinstance(cause, ray.exceptions.RayActorError):
        return Outcome("failed", death_reason(str(cause))[:MAX_REASON])
    last = traceback.format_exception_only(cause)[-1].strip().splitlines()[-1]
    return Outcome("failed", last[:MAX_REASON])


def _worker(trial: Any) -> tuple[str | None, str | None]:
    """Both ids of a trial's worker, which does nothing else yet, as `worker_ids`; None without an answer."""
    try:
        process_id, ray_id = ray.get(trial.temporary_state.ray_actor.worker_ids.remote(), timeout=10)
    except ray.exceptions.RayError:
        return None, None
    return str(process_id), ray_id


def _last_error(trial: Any) -> BaseException | None:
    """The error a trial last failed with. Ray's `get_pickled_error` looks where it is only copied later."""
    path = trial.pickled_error_file
    if path is None or not Path(path).exists():
        return None
    error = ray.cloudpickle.loads(Path(path).read_bytes())
    return error if isinstance(error, BaseException) else None
