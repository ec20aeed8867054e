"""Final training of one config: all epochs, then the test split, read once.

    python -m snncore.train best.yaml
    python -m snncore.train best.yaml --resume
    python -m snncore.train best.yaml --set data.val_fraction=0      # train on everything

What it leaves in its folder: config.yaml, epochs.jsonl, checkpoint/ while it runs, and at the end final/
(the network) and result.json. The network of the last epoch is reported; nothing is selected.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from snncore import checkpoint
from snncore.config import Config, load_config
from snncore.errors import UserError
from snncore.machine import processor_model
from snncore.predictor import CONFIG
from snncore.probe import probe
from snncore.rules import canonical
from snncore.session import Epoch, TrainingSession

RESULT = "result.json"
EPOCHS = "epochs.jsonl"


@dataclass(frozen=True)
class TrainResult:
    """What a final training obtained; `result.json` holds the same.

    Accuracies in percent; val_accuracy None without a validation split. metrics: all of `snncore.metrics`.
    """

    folder: Path
    config: Config
    test_accuracy: float
    val_accuracy: float | None
    epochs_trained: int
    metrics: dict[str, Any]
    seconds: float


def train(
    config: Config,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    device: str | None = None,
    threads: int | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> TrainResult:
    """Train `config` to the end in the folder `out` (default: the config's `out`) and test it once.

    Raises:
        UserError: no folder is named, it exists and `resume` is off, or there is nothing to resume.
        DataError: the data set cannot be read.
        DivergedError: the loss stopped being finite.
    """
    folder = _folder(config, out)
    finished = _finished_before(folder, config, resume)
    if finished is not None:
        return finished
    threads = threads or os.cpu_count() or 1
    session = TrainingSession(config, device, threads)  # refuses bad data before a folder is made
    if not folder.exists():
        _make(folder, config)
    if (folder / "checkpoint").is_dir():
        session.restore(folder / "checkpoint")
        _cut_epochs(folder / EPOCHS, session.epochs_trained)
    while session.epochs_trained < config.optim.epochs:
        epoch = session.run_epoch()
        with (folder / EPOCHS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(_jsonable(asdict(epoch))) + "\n")
        session.save(folder / "checkpoint")
        if on_epoch is not None:
            on_epoch(epoch)
    return _finish(folder, session)


def _finish(folder: Path, session: TrainingSession) -> TrainResult:
    started = time.perf_counter()
    test = session.evaluate(session.data.read_test())
    validation = session.last_evaluation
    assert validation is not None
    metrics: dict[str, Any] = {
        **probe(session.config, session.device),
        "firing_rate": validation.mean_firing_rate if validation.n else test.mean_firing_rate,
        "train_time_s": session.train_time_s,
        "accuracy_at_t": list(test.accuracy_at_t),
    }
    result = TrainResult(
        folder=folder,
        config=session.config,
        test_accuracy=test.accuracy,
        val_accuracy=validation.accuracy if validation.n else None,
        epochs_trained=session.epochs_trained,
        metrics=metrics,
        seconds=session.train_time_s + time.perf_counter() - started,
    )
    normalisation = {"normalisation": asdict(session.data.normalisation)}
    network = {checkpoint.NETWORK: session.network.state_dict()}
    checkpoint.write_folder(folder / "final", network, normalisation)
    _write_result(folder / RESULT, result, session.device)
    return result


def _folder(config: Config, out: str | Path | None) -> Path:
    name = out or config.out
    if name is None:
        raise UserError("out: nowhere to write; give --out FOLDER or set `out` in the config")
    return Path(name)


def _finished_before(folder: Path, config: Config, resume: bool) -> TrainResult | None:
    """Refuse a folder that must not be written to; the result when this training is finished already."""
    if not folder.exists():
        return None
    if not resume:
        raise UserError(f"{folder}: exists already; use --resume to go on, or another --out")
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: holds no training to resume (no {CONFIG})")
    before = load_config(folder / CONFIG)
    if canonical(before) != canonical(config):
        raise UserError(f"{folder}: belongs to another config; compare {folder / CONFIG}")
    return _read_result(folder) if (folder / RESULT).is_file() else None


def _make(folder: Path, config: Config) -> None:
    folder.mkdir(parents=True)
    with (folder / CONFIG).open("w", encoding="utf-8") as file:
        YAML().dump(config.as_dict(), file)


def _write_result(path: Path, result: TrainResult, device: str) -> None:
    values = asdict(result) | {
        "folder": str(result.folder),
        "config": result.config.as_dict(),
        "origin": result.config.origin.model_dump() if result.config.origin else None,
        "device": device,
        "machine": processor_model(),
        "versions": {name: version(name) for name in ("spikefront", "torch")},
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(_jsonable(values), indent=1), encoding="utf-8")
    fresh.replace(path)


def _read_result(folder: Path) -> TrainResult:
    values = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return TrainResult(
        folder=folder,
        config=Config.model_validate(values["config"]),
        test_accuracy=values["test_accuracy"],
        val_accuracy=values["val_accuracy"],
        epochs_trained=values["epochs_trained"],
        metrics=values["metrics"],
        seconds=values["seconds"],
    )


def _cut_epochs(path: Path, n: int) -> None:
    """Drop rows of epochs that were trained after the checkpoint; they will be trained again."""
    lines = path.read_text(encoding="utf-8").splitlines()[:n] if path.exists() else []
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _jsonable(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    return value


if __name__ == "__main__":
    from snncore.train_cli import main

    raise SystemExit(main())
