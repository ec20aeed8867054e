"""One trial in its worker: probe, constraints, epochs, end. Knows neither Ray nor torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from search.constraints import broken_limits
from search.worker.checkpoints import CheckpointKeeper
from search.worker.data_root import with_local_root
from search.worker.failure_reason import infeasible_reason, is_out_of_memory
from search.worker.jobs import Job, Report
from search.worker.memory_kills import AttemptNote
from search.worker.trainer import Session, Trainer, load_trainer, place_of
from snncore.config.metrics import METRICS, PROBED
from studies.model import EpochRow, State

_ROW_FIELDS = [field.name for field in fields(EpochRow) if field.name != "number"]


class TrialRun:
    """One trial, a report at a time: call `step` until its report's kind is "end".

    A config that cannot be trained (it violates a constraint, diverges, never spikes) ends as infeasible, and
    so does one that runs out of memory, and the driver decides why. Any other exception is left to the
    caller, who may start the trial again.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._config = with_local_root(job.config)
        self._keeper = CheckpointKeeper(job.checkpoints)
        self._attempt = AttemptNote(job.checkpoints, job.loop_id)
        self._trainer: Trainer | None = None
        self._session: Session | None = None
        self._metrics: dict[str, Any] = {}

    def step(self) -> Report:
        """Do the next step and return its report."""
        try:
            if self._trainer is None:
                return self._begin()
            return self._train(self._trainer)
        except Exception as error:
            reason = infeasible_reason(error)
            if reason is None:
                self._attempt.end()
                raise
            # The traceback's frames hold the session's tensors: without this they outlive the trial.
            error.__traceback__ = None
            self._session = None
            return self._end("infeasible", reason, is_out_of_memory(error))

    def close(self) -> None:
        """The trial is over, or continues elsewhere; needed where no report of kind "end" was made."""
        self._attempt.end()

    def _begin(self) -> Report:
        job = self._job
        self._trainer = load_trainer(job.trainer, job.allotment.device, job.allotment.threads)
        killed = self._attempt.begin()
        if killed is not None:
            return self._end("infeasible", killed, out_of_memory=True)
        # What an earlier start measured stays: values of one trial must not change under its rank.
        self._metrics = dict(job.metrics or self._probe(self._trainer))
        broken = broken_limits(self._metrics, job.limits)
        if broken:
            return self._end("infeasible", broken)
        return Report("probe", metrics=dict(self._metrics), place=self._place())

    def _probe(self, trainer: Trainer) -> Mapping[str, Any]:
        """What is not known yet is measured."""
        known = self._job.probed
        if not known:
            return trainer.probe(self._config)
        missing = [name for name in METRICS if name in PROBED and name not in known]
        return {**trainer.probe(self._config, missing), **known} if missing else known

    def _train(self, trainer: Trainer) -> Report:
        if self._session is None:
            self._session = self._keeper.restore(lambda: trainer.session(self._config))
        else:
            # Saved only now: the driver asks for the next step when it has recorded the last report,
            # so a checkpoint never runs ahead of the record.
            self._keeper.save(self._session, final=self._is_trained(self._session))
        if self._is_trained(self._session):
            self._metrics.update(self._session.metrics())
            return self._end("complete")
        return Report("epoch", row=_as_row(self._session.run_epoch()))

    def _is_trained(self, session: Session) -> bool:
        return session.epochs_trained >= self._job.epochs

    def _end(self, state: State, reason: str | None = None, out_of_memory: bool = False) -> Report:
        self._attempt.end()
        return Report(
            "end",
            metrics=dict(self._metrics),
            state=state,
            reason=reason,
            out_of_memory=out_of_memory,
            place=self._place(),
        )

    def _place(self) -> Mapping[str, str]:
        place = {} if self._trainer is None else place_of(self._trainer)  # making one may run out of memory
        return {"worker": str(os.getpid()), **place}


def _as_row(epoch: Any) -> dict[str, Any]:
    row = {name: getattr(epoch, name) for name in _ROW_FIELDS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
