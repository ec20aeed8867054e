"""The Ray Tune trainable: a thin shell around `TrialRun`, one report per step.

A class, not a function: with reused actors both cost 0.05 s a trial on two slots, and a class trains in
the actor's own thread, needs no hand-over of results, and can be reused whatever its last trial did.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

import ray
from ray import tune

from search.worker.jobs import AnyJob, ProbeJob, QuietJob, Report
from search.worker.probe_run import ProbeRun, QuietRun
from search.worker.trial_run import TrialRun

REPORT = "report"
JOB = "job"


class _JobRun(Protocol):
    def step(self) -> Report: ...

    def close(self) -> None: ...


def run_of(job: AnyJob) -> _JobRun:
    """What a worker does with a job."""
    if isinstance(job, ProbeJob):
        return ProbeRun(job)
    if isinstance(job, QuietJob):
        return QuietRun(job)
    return TrialRun(job)


class TrialTrainable(tune.Trainable):  # type: ignore[misc]  # ray is not typed here
    """Does what `config["job"]` says; each result holds its `Report` under "report"."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """What Ray keeps free for a job; a worker is used again for jobs that need the same."""
        allotment = config[JOB].allotment
        return tune.PlacementGroupFactory([{"CPU": allotment.cpu, "GPU": allotment.gpu}])

    def setup(self, config: dict[str, Any]) -> None:
        """Begin with a job; nothing heavy is loaded before the first step."""
        self._job_run: _JobRun | None = run_of(config[JOB])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next job in the same process."""
        self.cleanup()
        self._job_run = run_of(new_config[JOB])
        return True

    def worker_ids(self) -> tuple[int, str]:
        """Of this process: the system's id, and Ray's, which is the only one of its kind in a cluster."""
        return os.getpid(), ray.get_runtime_context().get_worker_id()

    def step(self) -> dict[str, Any]:
        """One step of the job; done when it ends by itself."""
        assert self._job_run is not None, "step after cleanup"
        report = self._job_run.step()
        return {REPORT: report, "done": report.kind == "end"}

    def cleanup(self) -> None:
        """Drop the session, and with it the network."""
        if self._job_run is not None:
            self._job_run.close()
        self._job_run = None
