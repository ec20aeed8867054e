"""Studies without training: a recorded study, or a table of measured configs, answers in the trainer's place.

`simulate` replays it on simulated slots in simulated time, through the real proposer, store and early
stopping; `TableTrainer` replays it in real Ray trials. Names are imported on first use: a worker that
needs `TableTrainer` loads no Optuna.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikefront.lazy import lazy_names

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

__getattr__ = lazy_names(
    __name__,
    {
        "ColumnTable": "search.simulate.columns",
        "End": "search.simulate.replay",
        "InOrder": "search.simulate.replay",
        "Recorded": "search.simulate.table",
        "Simulation": "search.simulate.replay",
        "StudyTable": "search.simulate.recorded",
        "Table": "search.simulate.table",
        "TableTrainer": "search.simulate.trainer",
        "simulate": "search.simulate.replay",
    },
)
