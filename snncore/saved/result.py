"""The result of a final training, and its file `result.json`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from snncore.config.schema import Config
from snncore.devices import backend_name, device_model
from snncore.errors import UserError
from snncore.machine import processor_model
from spikefront.files import replace_text
from spikefront.json_file import read_json
from spikefront.shapes import checked

RESULT = "result.json"

_PRINTED = ("train_memory_mib", "latency_ms")
"""Metrics that commands print, and that a result must therefore hold."""


@dataclass(frozen=True)
class TrainResult:
    """The result of a final training; `result.json` holds the same.

    Accuracies in percent; val_accuracy None without a validation split. metrics: all of
    `snncore.config.metrics`; firing, operations and the metrics of early exit on validation data, or on test
    data if there is no validation split; accuracy_at_t, and names that begin with test_, on test data.
    n_processes: how many trained together; the metrics of a training step are then those of one process with
    its share of the batch, and processes other than the first return without what is measured after training.
    threads: of torch in each process, on which results on a CPU depend; None in results from before it was
    recorded. silent_layers: numbers, from 1, of layers of neurons that never fired where firing was measured.
    The rest describes the data of the accuracies, see `spikefront.accuracy`: samples, classes that have a
    sample, and the share of the largest class in percent; None in results from before they were recorded, and
    for a validation split without samples.
    """

    folder: Path
    config: Config
    test_accuracy: float
    val_accuracy: float | None
    epochs_trained: int
    metrics: dict[str, Any]
    seconds: float
    n_processes: int = 1
    threads: int | None = None
    silent_layers: tuple[int, ...] = ()
    test_balanced_accuracy: float | None = None
    val_balanced_accuracy: float | None = None
    n_test_samples: int | None = None
    n_val_samples: int | None = None
    test_largest_class_share: float | None = None
    val_largest_class_share: float | None = None
    n_classes: int | None = None
    n_train_classes: int | None = None
    n_test_classes: int | None = None
    n_val_classes: int | None = None


def write_result(result: TrainResult, device: str) -> None:
    """Write `result.json` in the result's folder, atomically, with all that is needed to repeat the
    training."""
    path = result.folder / RESULT
    values = asdict(result) | {
        "folder": str(result.folder),
        "config": result.config.as_dict(),
        "origin": result.config.origin.model_dump() if result.config.origin else None,
        "device": device,
        "backend": backend_name(device),
        "device_model": device_model(device),
        "machine": processor_model(),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("spikefront", "torch")},
    }
    replace_text(path, json.dumps(jsonable(values), indent=1))


def read_result(folder: Path) -> TrainResult:
    """The result that `write_result` wrote in `folder`.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    path = folder / RESULT
    try:
        values = read_json(path)
        known = {field.name: values[field.name] for field in fields(TrainResult) if field.name in values}
        if known.get("test_accuracy", 0) is None:  # JSON has no NaN
            known["test_accuracy"] = math.nan
        result = checked(TypeAdapter(TrainResult), known | {"folder": folder})
        printed = {name: result.metrics.get(name) for name in _PRINTED}
        checked(TypeAdapter(dict[str, float]), printed, "metrics")
        return result
    except ValueError as error:
        raise UserError(f"{path}: no readable result: {error}; without it --resume tests again") from error


def jsonable(value: Any) -> Any:
    """`value` with None for NaN and infinities, which JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner) for inner in value]
    return value
