"""The trainer: one config in, one trained and measured spiking network out.

Names are imported on first use, so that reading a config (`snncore.config`) costs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snncore.config import Config, load_config
    from snncore.predictor import Predictor, load
    from snncore.probe import probe
    from snncore.session import Epoch, TrainingSession
    from snncore.train import TrainResult, train

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
    "Config": "config",
    "load_config": "config",
    "Predictor": "predictor",
    "load": "predictor",
    "probe": "probe",
    "Epoch": "session",
    "TrainingSession": "session",
    "TrainResult": "train",
    "train": "train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'snncore' has no attribute {name!r}")
    return getattr(importlib.import_module(f"snncore.{_HOME[name]}"), name)
