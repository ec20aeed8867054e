"""Work of a worker that trains nothing: probing configs ahead of a choice, and measuring times again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from search.worker.data_root import with_local_root
from search.worker.failure_reason import is_out_of_memory
from search.worker.jobs import ProbeJob, QuietJob, Report
from search.worker.trainer import load_trainer, place_of
from snncore.measure.alone import alone_on_machine


class ProbeRun:
    """Probes the configs of a job, one after another, in a single step."""

    def __init__(self, job: ProbeJob) -> None:
        self._job = job

    def step(self) -> Report:
        """The metrics of each config by its key; without those for which time or memory ran out.

        Other trials run at the same time: running out of memory here does not count against a config.
        """
        job = self._job
        trainer = load_trainer(job.trainer, job.allotment.device, job.allotment.threads)
        deadline = time.monotonic() + job.seconds
        probed: dict[str, Mapping[str, Any]] = {}
        for at, (key, config) in enumerate(job.configs.items()):
            if at > 0 and time.monotonic() >= deadline:
                break
            try:
                probed[key] = dict(trainer.probe(with_local_root(config), job.names))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                error.__traceback__ = None  # its frames hold tensors
        return Report("end", metrics=probed, place=place_of(trainer))

    def close(self) -> None:
        """Nothing is left open."""


class QuietRun:
    """Measures the times of one config again."""

    def __init__(self, job: QuietJob) -> None:
        self._job = job

    def step(self) -> Report:
        """The metrics whose names hold "quiet"."""
        job = self._job
        with alone_on_machine():  # loading the trainer would also disturb another measurement
            trainer = load_trainer(job.trainer, job.allotment.device, job.allotment.threads)
            metrics = dict(trainer.measure_quietly(with_local_root(job.config)))
        return Report("end", metrics=metrics, place=place_of(trainer))

    def close(self) -> None:
        """Nothing is left open."""
