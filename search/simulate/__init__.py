"""Studies without training: a recorded study, or a table of measured configs, answers in the trainer's place.

`simulate` replays it on simulated slots in simulated time, through the real proposer, store and early
stopping; `TableTrainer` replays it in real Ray trials. Names are imported on first use: a worker that
needs `TableTrainer` loads no Optuna.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.simulate.columns import ColumnTable
    from search.simulate.recorded import StudyTable
    from search.simulate.replay import End, InOrder, Simulation, simulate
    from search.simulate.table import Recorded, Table
    from search.simulate.trainer import TableTrainer

__all__ = [
    "ColumnTable",
    "End",
    "InOrder",
    "Recorded",
    "Simulation",
    "StudyTable",
    "Table",
    "TableTrainer",
    "simulate",
]

_HOME = {
    "ColumnTable": "columns",
    "End": "replay",
    "InOrder": "replay",
    "Recorded": "table",
    "Simulation": "replay",
    "StudyTable": "recorded",
    "Table": "table",
    "TableTrainer": "trainer",
    "simulate": "replay",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'search.simulate' has no attribute {name!r}")
    return getattr(importlib.import_module(f"search.simulate.{_HOME[name]}"), name)
