"""The Ray Tune trainable: a thin shell around `Course`, one report per step.

A class, not a function: with reused actors both cost 0.05 s a trial on two slots, and a class trains in
the actor's own thread, needs no hand-over of results, and can be reused whatever its last trial did.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

import ray
from ray import tune

from search.worker.jobs import AnyTicket, ProbeTicket, QuietTicket, Report
from search.worker.probe_run import ProbeCourse, QuietCourse
from search.worker.trial_run import Course

REPORT = "report"
TICKET = "ticket"


class _Course(Protocol):
    def step(self) -> Report: ...

    def close(self) -> None: ...


def course_of(ticket: AnyTicket) -> _Course:
    """What a worker does with a ticket."""
    if isinstance(ticket, ProbeTicket):
        return ProbeCourse(ticket)
    if isinstance(ticket, QuietTicket):
        return QuietCourse(ticket)
    return Course(ticket)


class TrialTrainable(tune.Trainable):  # type: ignore[misc]  # ray is not typed here
    """Does what `config["ticket"]` says; each result holds its `Report` under "report"."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """What Ray keeps free for a ticket; a worker is used again for tickets that need the same."""
        share = config[TICKET].share
        return tune.PlacementGroupFactory([{"CPU": share.cpu, "GPU": share.gpu}])

    def setup(self, config: dict[str, Any]) -> None:
        """Begin with a ticket; nothing heavy is loaded before the first step."""
        self._course: _Course | None = course_of(config[TICKET])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next ticket in the same process."""
        self.cleanup()
        self._course = course_of(new_config[TICKET])
        return True

    def worker_ids(self) -> tuple[int, str]:
        """Of this process: the system's id, and Ray's, which is the only one of its kind in a cluster."""
        return os.getpid(), ray.get_runtime_context().get_worker_id()

    def step(self) -> dict[str, Any]:
        """One step of the course; done when it ends by itself."""
        assert self._course is not None, "step after cleanup"
        report = self._course.step()
        return {REPORT: report, "done": report.kind == "end"}

    def cleanup(self) -> None:
        """Drop the session, and with it the network."""
        if self._course is not None:
            self._course.close()
        self._course = None
