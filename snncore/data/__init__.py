"""Data sets: their shapes, installation, reading, and batches on a device.

Names are imported on first use, so that reading shapes from `SPECS` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snncore.data.specs import SPECS
from spikefront.lazy import lazy_names

if TYPE_CHECKING:
    from snncore.data.config_spec import data_spec
    from snncore.data.load import DataSet, load_data
    from snncore.data.split import Split

__all__ = ["SPECS", "DataSet", "Split", "data_spec", "load_data"]

__getattr__ = lazy_names(
    __name__,
    {
        "DataSet": "snncore.data.load",
        "data_spec": "snncore.data.config_spec",
        "load_data": "snncore.data.load",
        "Split": "snncore.data.split",
    },
)
