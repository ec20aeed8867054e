"""The trainer: one config in, one trained and measured spiking network out.

Names are imported on first use, so that reading a config (`snncore.config.schema`) costs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

_HOME = {
    "Config": "config.schema",
    "load_config": "config.load",
    "Predictor": "evaluation.predictor",
    "load": "evaluation.predictor",
    "probe": "measure.probe",
    "Epoch": "training.session",
    "TrainingSession": "training.session",
    "TrainResult": "saved.result",
    "train": "final_training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'snncore' has no attribute {name!r}")
    return getattr(importlib.import_module(f"snncore.{_HOME[name]}"), name)
