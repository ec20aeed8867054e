"""Write the record of a study as event files, for TensorBoard: curves of all trials, and its HPARAMS table.

python -m studies.tensorboard runs/cifar100
python -m studies.tensorboard runs/cifar100 --out events
tensorboard --logdir events
"""

from __future__ import annotations

import argparse
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikefront.command import run_command
from studies.errors import StudyError
from studies.model import EpochRow, Study, Trial
from studies.record import read_study
from studies.text import trial_stem

FOLDER = "tensorboard"
FINAL = "final"
"""Prefix of the tags of the final values; those of epochs have none."""

_NOT_DRAWN = ("number", "epoch")
_EVENTS = "events.out.tfevents.{:010d}.spikefront"


def main(argv: list[str] | None = None) -> int:
    """Write, and say what to type next; 0 done, 2 bad input (usage errors exit with 2 themselves)."""
    return run_command(lambda: _command(_parser().parse_args(argv)))


def _command(arguments: argparse.Namespace) -> int:
    out = Path(arguments.out) if arguments.out else Path(arguments.run) / FOLDER
    study = read_study(arguments.run)
    write_events(study, out)
    print(f"wrote {out}: {len(study.trials)} trials, {len(study.epochs)} epochs")
    print(f"next: tensorboard --logdir {shlex.quote(str(out))}")
    return 0


def write_events(study: Study, out: str | Path) -> None:
    """One run for each trial in the folder `out`: its epochs, its params, its objectives under `final/`.

    Replicates are runs of their own, in the session group of their original. Times are those of the trials.

    Raises:
        StudyError: the folder exists and is not empty, or the tensorboard package is missing.
        OSError: the folder cannot be written.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StudyError(f"{out}: exists already; choose another --out, or remove it")
    plugin = _plugin()
    rows: dict[int, list[EpochRow]] = defaultdict(list)
    for row in study.epochs:
        rows[row.number].append(row)
    began = min((_seconds(trial) for trial in study.trials), default=0.0)
    names = [f"{FINAL}/{objective.name}" for objective in study.info.objectives]
    hparams = [plugin.HParam(name, domain) for name, domain in _domains(plugin, study.trials).items()]
    about = plugin.hparams_config_pb(hparams, [plugin.Metric(name) for name in names], began)
    _write(out, began, [(began, 0, about)])
    for trial in study.trials:
        _write(
            out / trial_stem(trial.number), _seconds(trial), _trial_events(plugin, trial, rows[trial.number])
        )


def scalars(row: EpochRow) -> dict[str, float]:
    """The scalars of an epoch: each column by its name, a list as `firing_rate/1`, `firing_rate/2`, ..."""
    values: dict[str, float] = {}
    for name, value in asdict(row).items():
        if isinstance(value, tuple):
            values |= {f"{name}/{place}": element for place, element in enumerate(value, start=1)}
        elif name not in _NOT_DRAWN:
            values[name] = value
    return values


Dated = tuple[float, int, Any]
"""Time (seconds since 1970), step, and summary."""


def _trial_events(plugin: Any, trial: Trial, rows: Iterable[EpochRow]) -> Iterator[Dated]:
    now = _seconds(trial)
    group = trial.number if trial.replicate_of is None else trial.replicate_of
    params = {name: _plain(value) for name, value in trial.params.items()}
    yield now, 0, plugin.hparams_pb(params, trial_id=trial_stem(group), start_time_secs=now)
    for row in sorted(rows, key=lambda row: row.epoch):
        now += max(row.seconds, 0.0)
        yield now, row.epoch, _summary(scalars(row))
    known = {f"{FINAL}/{name}": value for name, value in trial.values.items() if value is not None}
    if known:
        yield now, trial.epochs_trained, _summary(known)


def _write(folder: Path, began: float, events: Iterable[Dated]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _EVENTS.format(int(began))).open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=began, file_version="brain.Event:2").SerializeToString())
        for when, step, summary in events:
            event = Event(wall_time=when, step=step)
            event.summary.ParseFromString(summary.SerializeToString())
            writer.write(event.SerializeToString())
        writer.flush()


def _summary(values: Mapping[str, float]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])


def _plugin() -> Any:
    try:
        from tensorboard.plugins.hparams import summary_v2
    except ImportError as error:
        raise StudyError(f"the tensorboard package is missing ({error}): pip install tensorboard") from error
    return summary_v2


def _domains(plugin: Any, trials: Sequence[Trial]) -> dict[str, Any]:
    """For each param the values it takes: an interval of numbers, else all its values, as texts if mixed."""
    values: dict[str, list[Any]] = defaultdict(list)
    for trial in trials:
        for name, value in trial.params.items():
            values[name].append(_plain(value))
    domains = {}
    for name, taken in values.items():
        kinds = {type(value) for value in taken}
        if kinds <= {int, float}:
            domains[name] = plugin.RealInterval(float(min(taken)), float(max(taken)))
        elif len(kinds) == 1:
            domains[name] = plugin.Discrete(sorted(set(taken)))
        else:
            domains[name] = None
    return domains


def _plain(value: Any) -> bool | int | float | str:
    """A value that TensorBoard accepts for a param: null and lists become texts."""
    return value if isinstance(value, bool | int | float | str) else "null" if value is None else str(value)


def _seconds(trial: Trial) -> float:
    """When the trial began, in seconds since 1970; 0 if not recorded."""
    return trial.started_at.timestamp() if trial.started_at else 0.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m studies.tensorboard", description="Write the record of a study for TensorBoard."
    )
    parser.add_argument("run", metavar="RUN", help="folder of the study, for example runs/cifar100")
    parser.add_argument("--out", metavar="DIR", help=f"new folder to write (default: RUN/{FOLDER})")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
