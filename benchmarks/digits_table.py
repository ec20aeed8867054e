"""Trains many configs of the digits space to the end and keeps all their epochs: a table to replay.

    python -m benchmarks.digits_table                 # trains what is missing of the table
    python -m benchmarks.digits_table --probe-again   # on a quiet machine: measures all latencies anew

The configs are drawn at random from `spaces/digits.yaml`, one after the other from one seed, so that a run
that was cut short goes on where it ended. The record is that of a study (trials.parquet, epochs.parquet).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from search.checker import TrainerChecker
from search.cluster.machine import describe_machine, installed_versions
from search.config_key import resolve
from search.errors import SearchError
from search.study.attributes import StudyAttributes, fixed_parts, plain_space
from search.worker.jobs import Job, Report
from search.worker.trainer import load_trainer
from search.worker.trial_run import TrialRun
from spaces.draw import RandomDraw
from spaces.load import load_space
from spaces.space import Space
from spaces.walk import suggest
from studies.model import EpochRow, Study, Trial
from studies.record import TRIALS, read_study, write_study

FOLDER = Path(__file__).parent / "tables" / "digits"
EPOCHS = 27
SEED = 0
N_TRIALS = 220
N_PROBES = 3


def table_space() -> Space:
    """The digits space, every config trained for 27 epochs."""
    space, _ = load_space("digits", TrainerChecker(), {"optim.epochs": EPOCHS})
    return replace(space, name="digits-table", fidelity=None)


def configs(space: Space, seed: int = SEED) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Params and config of one random draw after another, without repeats; endless."""
    draw, seen = RandomDraw(np.random.default_rng(seed)), set()
    while True:
        params = suggest(space, draw)
        config, key = resolve(space, params)
        if key not in seen:
            seen.add(key)
            yield params, config


def make_table(folder: Path, n_trials: int, space: Space, trainer: str = Job.trainer) -> Study:
    """Train what the record in `folder` lacks of the first `n_trials` configs, writing after each.

    Raises:
        SearchError: the folder holds a table of another space.
    """
    study = _begun(folder, space)
    for number, (params, config) in enumerate(configs(space)):
        if number == n_trials:
            return study
        if number < len(study.trials):
            continue
        trial, rows = train(number, params, config, study, trainer)
        study = replace(study, trials=(*study.trials, trial), epochs=(*study.epochs, *rows))
        write_study(study, folder)
        print(f"{number + 1} of {n_trials}: {trial.state}, {trial.metrics}", flush=True)
    raise AssertionError("configs() does not end")


def _begun(folder: Path, space: Space) -> Study:
    if not (folder / TRIALS).exists():
        attributes = StudyAttributes.of(space.name, space)
        return Study(
            replace(attributes.info(), machine=describe_machine(), versions=installed_versions()), ()
        )
    study = read_study(folder)
    if fixed_parts(dict(study.info.space)) != fixed_parts(plain_space(space)):
        raise SearchError(f"{folder}: a table of another space; give another folder by --out")
    return study


def train(
    number: int, params: dict[str, Any], config: dict[str, Any], study: Study, trainer: str
) -> tuple[Trial, list[EpochRow]]:
    """One config probed and trained to its end, in this process with one thread."""
    started, rows = datetime.now(UTC), []
    with tempfile.TemporaryDirectory() as scratch:
        job = Job(number, config, config["optim"]["epochs"], scratch, trainer=trainer)
        trial_run = TrialRun(job)
        while (report := trial_run.step()).kind != "end":
            if report.row is not None:
                rows.append(_row(number, report))
    values: dict[str, float | None] = {objective.name: None for objective in study.info.objectives}
    if report.state == "complete":
        values = {name: float(report.metrics[name]) for name in values}
    trial = Trial(
        number=number,
        state=report.state,
        config=config,
        params=params,
        reason=report.reason,
        values=values,
        metrics=report.metrics,
        epochs_trained=len(rows),
        seed=config["seed"],
        started_at=started,
        finished_at=datetime.now(UTC),
        device=report.place["device"],
    )
    return trial, rows


def probe_again(folder: Path, trainer_name: str = Job.trainer) -> Study:
    """Probe every config of a table N_PROBES times more and keep the quickest probe: a load only slows down.

    What training was measured at stays.
    """
    study, trainer = read_study(folder), load_trainer(trainer_name, "cpu", 1)
    trials = []
    for trial in study.trials:
        probes = [trainer.probe(trial.config) for _ in range(N_PROBES)]
        quickest = min((trial.metrics, *probes), key=lambda probe: float(probe["latency_ms"]))
        metrics = {**trial.metrics, **quickest}
        values = {name: None if trial.state != "complete" else float(metrics[name]) for name in trial.values}
        trials.append(replace(trial, metrics=metrics, values=values))
        print(
            f"{trial.number}: {trial.metrics['latency_ms']:.3f} ms, now {metrics['latency_ms']:.3f}",
            flush=True,
        )
    study = replace(study, trials=tuple(trials))
    write_study(study, folder)
    return study


def _row(number: int, report: Report) -> EpochRow:
    assert report.row is not None
    cells = {field.name: report.row[field.name] for field in fields(EpochRow) if field.name != "number"}
    lists = {name: tuple(cells[name]) for name in ("reliable_share", "firing_rate")}
    return EpochRow(number=number, **{**cells, **lists})


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digits_table", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--trials", type=int, default=N_TRIALS, help=f"default: {N_TRIALS}")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--probe-again", action="store_true", help="train nothing, measure latencies anew")
    arguments = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if arguments.probe_again:
        probe_again(arguments.out)
        return 0
    make_table(arguments.out, arguments.trials, table_space())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
