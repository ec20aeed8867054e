"""The trainer: one config in, one trained and measured spiking network out.

Names are imported on first use, so that reading a config (`snncore.config.schema`) does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikefront.lazy import lazy_names

if TYPE_CHECKING:
    from snncore.config.load import load_config
    from snncore.config.schema import Config
    from snncore.evaluation.predictor import Predictor, load
    from snncore.final_training import TrainResult, train
    from snncore.measure.probe import probe
    from snncore.training.session import Epoch, TrainingSession

__all__ = [
    "Config",
    "Epoch",
    "Predictor",
    "TrainResult",
    "TrainingSession",
    "load",
    "load_config",
    "probe",
    "train",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Config": "snncore.config.schema",
        "load_config": "snncore.config.load",
        "Predictor": "snncore.evaluation.predictor",
        "load": "snncore.evaluation.predictor",
        "probe": "snncore.measure.probe",
        "Epoch": "snncore.training.session",
        "TrainingSession": "snncore.training.session",
        "TrainResult": "snncore.saved.result",
        "train": "snncore.final_training",
    },
)
