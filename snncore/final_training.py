"""Final training of one config: all epochs, then the test split, read once.

Its folder holds config.yaml, epochs.jsonl, checkpoint/ while it runs, and at the end final/ (the network) and
result.json. The result is that of the last epoch; no epoch is selected.
With several processes, the first one writes and prints, and every process returns.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from snncore.config.load import load_config
from snncore.config.own_arch import load_factory
from snncore.config.rules import canonical
from snncore.config.schema import Config
from snncore.data.split import AnySplit
from snncore.distributed import rank, world_size
from snncore.errors import SilentNetworkError, UserError
from snncore.evaluation.evaluate import Evaluation
from snncore.measure.probe import probe
from snncore.saved import checkpoint
from snncore.saved.folder import CONFIG, FINAL
from snncore.saved.result import RESULT, TrainResult, jsonable, read_result, write_result
from snncore.training.launch import default_threads
from snncore.training.processes import process_group, run_on_all, run_on_main
from snncore.training.session import Epoch, TrainingSession
from snncore.training.silence import silent_layers
from spikefront.accuracy import about_split
from spikefront.files import replace_text

__all__ = ["TrainResult", "train"]

EPOCHS = "epochs.jsonl"
CHECKPOINT = "checkpoint"


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

    With torchrun, the processes train together; `out` must then be a folder that all of them can access.
    threads: of torch, default all cores. on_epoch is called in the first process.

    Raises:
        UserError: no folder is given, it exists and `resume` is off, there is nothing to resume, it cannot be
            written, there is no such device, or `threads` is below 1.
        DataError: the data set cannot be read.
        DivergedError: a loss is not finite.
        SilentNetworkError: no neuron of the trained network fires, or no gradient reaches a silent layer.
            There is no result; a folder without a finished epoch is removed.
    """
    load_factory(config.model.arch)
    folder = _folder(config, out)
    if threads is not None and threads < 1:
        raise UserError(f"threads: got {threads}, allowed: 1 or more")
    with process_group(device) as own_device:
        finished = run_on_main(lambda: _finished_before(folder, config, resume))
        if finished is not None:
            return finished
        # Refuses bad data before a folder is made.
        session = run_on_all(lambda: TrainingSession(config, own_device, threads or default_threads()))
        _begin(folder, session)
        try:
            _run_epochs(folder, session, on_epoch)
        except SilentNetworkError:
            run_on_main(lambda: _remove_if_empty(folder))
            raise
        started = time.perf_counter()
        test = run_on_all(session.data.read_test)
        tested = _Tested(test, session.evaluate(test), started, is_main=rank() == 0, n_processes=world_size())
        silent = _silent(session, tested)
    # Outside the group: the remaining measurements are made in one process.
    return _finish(folder, session, tested, silent)


def _begin(folder: Path, session: TrainingSession) -> None:
    """Make the folder, or continue from its checkpoint."""
    saved = folder / CHECKPOINT
    if run_on_main(lambda: checkpoint.exists(saved)):
        run_on_all(lambda: session.restore(saved))
    run_on_main(lambda: _prepare(folder, session))


def _prepare(folder: Path, session: TrainingSession) -> None:
    try:
        if not folder.exists():
            _make(folder, session.config)
        _cut_epochs(folder / EPOCHS, session.epochs_trained)
    except OSError as error:
        raise _not_writable(folder, error) from error


def _not_writable(folder: Path, error: OSError) -> UserError:
    return UserError(f"--out: {folder} cannot be written: {error.strerror}")


def _run_epochs(folder: Path, session: TrainingSession, on_epoch: Callable[[Epoch], None] | None) -> None:
    while session.epochs_trained < session.config.optim.epochs:
        epoch = session.run_epoch()
        if rank() == 0:
            with (folder / EPOCHS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(jsonable(asdict(epoch))) + "\n")
            session.save(folder / CHECKPOINT)
            if on_epoch is not None:
                on_epoch(epoch)


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder without a checkpoint, so that the user can start again with a fixed config."""
    if not checkpoint.exists(folder / CHECKPOINT):
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Tested:
    """The results of testing, before the process group ends. started: the time at which testing began."""

    split: AnySplit
    test: Evaluation
    started: float
    is_main: bool
    n_processes: int


def _silent(session: TrainingSession, tested: _Tested) -> tuple[int, ...]:
    """The layers that never fire in the trained network, on validation data, or on test data without it.

    Raises:
        SilentNetworkError: all layers are silent. If some fire, training may just have been too short.
    """
    validation = session.last_evaluation
    assert validation is not None
    evaluation, on = (validation, "the validation set") if validation.n else (tested.test, "the test set")
    silent = silent_layers(evaluation)
    if silent and len(silent) == len(evaluation.firing_rate):
        raise SilentNetworkError(silent, on=on)
    return tuple(silent)


def _finish(folder: Path, session: TrainingSession, tested: _Tested, silent: tuple[int, ...]) -> TrainResult:
    test, validation = tested.test, session.last_evaluation
    assert validation is not None
    metrics: dict[str, Any] = {
        "firing_rate": validation.mean_firing_rate if validation.n else test.mean_firing_rate,
        "train_time_s": session.train_time_s,
        "accuracy_at_t": list(test.accuracy_at_t),
        **(validation if validation.n else test).by_steps,
        **{f"test_{name}": value for name, value in test.by_steps.items()},
    }
    if tested.is_main:
        metrics |= session.operations(session.data.val if validation.n else tested.split)
        metrics |= probe(_share(session.config, tested.n_processes), session.device)
    result = TrainResult(
        folder=folder,
        config=session.config,
        test_accuracy=test.accuracy,
        val_accuracy=validation.accuracy if validation.n else None,
        epochs_trained=session.epochs_trained,
        metrics=metrics,
        seconds=session.train_time_s + time.perf_counter() - tested.started,
        n_processes=tested.n_processes,
        threads=session.threads,
        **_about_splits(session, test, validation),
        silent_layers=silent,
    )
    if tested.is_main:
        about = {"normalisation": asdict(session.data.normalisation), "spec": asdict(session.data.spec)}
        network = {checkpoint.NETWORK: session.trainer.predictor.state_dict()}
        checkpoint.write_folder(folder / FINAL, network, about)
        write_result(result, session.device)
        shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
    return result


def _about_splits(session: TrainingSession, test: Evaluation, validation: Evaluation) -> dict[str, Any]:
    """The description of the splits, by the fields of `TrainResult`."""
    values: dict[str, Any] = {"n_train_classes": session.n_train_classes}
    for split, evaluation in (("test", test), ("val", validation)):
        values |= about_split(split, evaluation.n_per_class)
        values[f"{split}_balanced_accuracy"] = evaluation.balanced_accuracy
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _share(config: Config, n_processes: int) -> Config:
    """The config with the batch size of one process, its share of the global batch."""
    batch_size = -(-config.optim.batch_size // n_processes)
    return config.model_copy(update={"optim": config.optim.model_copy(update={"batch_size": batch_size})})


def _folder(config: Config, out: str | Path | None) -> Path:
    name = out or config.out
    if name is None:
        raise UserError("out: nowhere to write; give --out FOLDER or set `out` in the config")
    return Path(name)


def _finished_before(folder: Path, config: Config, resume: bool) -> TrainResult | None:
    """Refuse a folder that must not be written to; the result if this training is already finished."""
    try:
        is_there = folder.exists()
    except OSError as error:  # a folder above it cannot be entered
        raise _not_writable(folder, error) from error
    if not is_there:
        if resume:
            raise UserError(f"{folder}: nothing to resume, there is no such folder; start without --resume")
        return None
    if not resume:
        raise UserError(f"{folder}: exists already; use --resume to continue, or another --out")
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: holds no training to resume (no {CONFIG})")
    before = load_config(folder / CONFIG)
    if canonical(before) != canonical(config):
        raise UserError(f"{folder}: belongs to another config; compare {folder / CONFIG}")
    return read_result(folder) if (folder / RESULT).is_file() else None


def _make(folder: Path, config: Config) -> None:
    """Make the folder together with its config, without which it could not be resumed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    fresh.mkdir()
    try:
        with (fresh / CONFIG).open("w", encoding="utf-8") as file:
            YAML().dump(config.as_dict(), file)
        fresh.rename(folder)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _cut_epochs(path: Path, n: int) -> None:
    """Drop rows of epochs that were trained after the checkpoint; they will be trained again."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[:n] if path.is_file() else []
    replace_text(path, "".join(line + "\n" for line in lines))
