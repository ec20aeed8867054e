"""Data sets: their shapes, installation, reading, and batches on a device.

Names are imported on first use, so that reading shapes from `SPECS` needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from snncore.data.specs import SPECS

if TYPE_CHECKING:
    from snncore.data.config_spec import data_spec
    from snncore.data.load import DataSet, load_data
    from snncore.data.split import Split

__all__ = ["SPECS", "DataSet", "Split", "data_spec", "load_data"]

_HOME = {"DataSet": "load", "data_spec": "config_spec", "load_data": "load", "Split": "split"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'snncore.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"snncore.data.{_HOME[name]}"), name)
