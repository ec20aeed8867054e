"""Which device model a study's trials will be trained on, asked before the first of them begins."""

from __future__ import annotations

from search.worker.jobs import Allotment
from search.worker.trainer import load_trainer

TIMEOUT_S = 120.0
"""A worker starts and loads the trainer's libraries in seconds; a cluster whose slots are taken may never."""


def device_of_trials(trainer: str, allotment: Allotment) -> str | None:
    """The device model, as `Trial.device` names it, of a worker that gets a trial's allotment.

    None where no worker answers: the first trial will say what is wrong.
    """
    import ray

    task = ray.remote(num_cpus=allotment.cpu, num_gpus=allotment.gpu, max_retries=0)(_device_here)
    reference = task.remote(trainer, allotment)
    try:
        device: str = ray.get(reference, timeout=TIMEOUT_S)
    except Exception:
        ray.cancel(reference, force=True)
        return None
    return device


def _device_here(trainer: str, allotment: Allotment) -> str:
    return load_trainer(trainer, allotment.device, allotment.threads).device_model()
