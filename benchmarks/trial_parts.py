"""Which part of a trial takes how long: a stopwatch, and where in the real code it is pressed.

Nothing of a trial is written again here: functions of `search` and `snncore` are wrapped where they stand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock

import search.worker.checkpoints
import search.worker.trainer
import search.worker.trial_run
import snncore.config.schema
import snncore.data.batches.batches
import snncore.training.session
import snncore.training.step

TRAINING, EVALUATION, DRIVER, REST = "training steps", "evaluation steps", "driver", "rest"
PARTS = {
    "set-up": "config, network, optimizer",
    "data": "reading and dividing the data set",
    "probe": "memory, latency and the other metrics known before training",
    TRAINING: "forward, backward, optimizer",
    EVALUATION: "the validation split, once an epoch",
    "batches": "order, gathering, augmentation and normalisation of batches",
    "epochs": "schedule, sums over batches, check of the weights, the report",
    "checkpoints": "written and removed",
    "metrics": "what is known after training: synaptic operations, energy",
    DRIVER: "until the driver has recorded a report and asks for the next, and hands out the next trial",
    REST: "everything else in the worker",
}
STEPS = (TRAINING, EVALUATION)
PARTS_FILE = "parts.jsonl"


class Stopwatch:
    """Charges every moment to one part: the innermost that is open, REST when none is.

    A part opened as `whole` keeps what is opened inside it: the training steps of a probe are probe.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._open: list[tuple[str, bool]] = []
        self._seconds: dict[str, float] = {}
        self._since = clock()

    @contextmanager
    def part(self, name: str, whole: bool = False) -> Iterator[None]:
        self._charge()
        inside_whole = bool(self._open) and self._open[-1][1]
        self._open.append(self._open[-1] if inside_whole else (name, whole))
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def lap(self) -> dict[str, float]:
        """Seconds by part since the last lap, all of `PARTS`."""
        self._charge()
        seconds, self._seconds = self._seconds, {}
        return {name: seconds.get(name, 0.0) for name in PARTS}

    def _charge(self) -> None:
        now = self._clock()
        name = self._open[-1][0] if self._open else REST
        self._seconds[name] = self._seconds.get(name, 0.0) + now - self._since
        self._since = now


@contextmanager
def instrumented(watch: Stopwatch) -> Iterator[None]:
    """Press `watch` in the real code while the block runs."""
    session, trial_run = snncore.training.session, search.worker.trial_run
    with ExitStack() as stack:

        def press(owner: Any, name: str, part: str, whole: bool = False) -> None:
            pressed = _pressed(getattr(owner, name), watch, part, whole)
            stack.enter_context(mock.patch.object(owner, name, pressed))

        press(search.worker.trainer.SnncoreTrainer, "probe", "probe", whole=True)
        press(snncore.config.load, "make_config", "set-up")
        press(search.worker.trainer.SnncoreTrainer, "session", "set-up")
        press(session, "load_data", "data", whole=True)
        press(session, "training_batches", "data", whole=True)
        press(snncore.training.step.Trainer, "step", TRAINING, whole=True)
        press(session, "evaluate", EVALUATION)
        press(session.TrainingSession, "run_epoch", "epochs")
        press(trial_run, "_as_row", "epochs")
        press(search.worker.checkpoints.CheckpointKeeper, "save", "checkpoints", whole=True)
        press(session.TrainingSession, "metrics", "metrics", whole=True)
        batches = snncore.data.batches.batches.BatchSource
        for owner, name in ((batches, "epoch"), (session, "eval_batches")):
            stack.enter_context(mock.patch.object(owner, name, _pulled(getattr(owner, name), watch)))
        yield


def _pressed(function: Callable[..., Any], watch: Stopwatch, part: str, whole: bool) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        with watch.part(part, whole):
            return function(*arguments, **named)

    return call


def _pulled(function: Callable[..., Iterator[Any]], watch: Stopwatch) -> Callable[..., Iterator[Any]]:
    """As `function`, which returns an iterator: the time of each item counts as "batches"."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Iterator[Any]:
        with watch.part("batches"):
            iterator = iter(function(*arguments, **named))
        while True:
            with watch.part("batches"):
                item = next(iterator, None)
            if item is None:
                return
            yield item

    return call


_worker: Stopwatch | None = None
"""Of a worker of Ray, from its first trial on."""

_until_it_ends = ExitStack()


def timed_trainer(device: str, threads: int) -> search.worker.trainer.SnncoreTrainer:
    """A trainer factory for jobs: in a worker of Ray it leaves the parts of each trial in a file.

    A line of `PARTS_FILE` in the run folder is a trial, from the end of the trial before it, with what
    passes between the worker's steps as DRIVER. The first line of a worker begins with its first probe.
    One thread, whatever the job says: the slot is large only so that there is one.
    """
    global _worker
    if _worker is None:
        _worker = Stopwatch()
        _until_it_ends.enter_context(instrumented(_worker))
        _until_it_ends.enter_context(
            mock.patch.object(search.worker.trial_run.TrialRun, "step", _with_driver(_worker))
        )
    return search.worker.trainer.SnncoreTrainer(device, 1)


def _with_driver(watch: Stopwatch) -> Callable[[Any], Any]:
    """`TrialRun.step`, the time after which is the driver's; a lap when its trial has ended."""
    step, waiting = search.worker.trial_run.TrialRun.step, ExitStack()

    def timed(trial_run: Any) -> Any:
        waiting.close()
        report = step(trial_run)
        if report.kind == "end":
            path = Path(trial_run._job.checkpoints).parents[1] / PARTS_FILE
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"number": trial_run._job.number, "seconds": watch.lap()}) + "\n")
        waiting.enter_context(watch.part(DRIVER))
        return report

    return timed
