"""How long asking for a trial and recording its end take in a study that has many already."""

from __future__ import annotations

import statistics
import time
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FixedTrial, TrialState, create_trial

from search.checker import TrainerChecker
from search.config_key import resolve
from search.propose.draws import OptunaDraw
from search.propose.proposer import Proposer
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.study.journal import END, START
from search.study.opening import create
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.trials.stored_trial import ASK, StoredTrial
from search.worker.jobs import Report
from spaces.draw import RandomDraw
from spaces.load import load_space
from spaces.space import Space
from spaces.walk import suggest

N_RUNNING = 8
"""Trials in flight while the asks are timed."""


@dataclass(frozen=True)
class Asking:
    """Medians in milliseconds; ask_max_ms: the longest ask. n: asks timed."""

    space: str
    sampler: str
    n_recorded: int
    ask_ms: float
    ask_max_ms: float
    tell_ms: float
    n: int


def time_asks(space: str, sampler: str, n_recorded: int, n: int, folder: Path) -> Asking:
    """Ask and tell `n` times with so many recorded trials, without the first ask, which imports code."""
    searched = _space(space, sampler)
    attributes = StudyAttributes.of("asking", searched)
    run = RunFolder(folder / f"{sampler}-{n_recorded}")
    run.path.mkdir(parents=True)
    study = create(run, None, attributes)
    generator = np.random.default_rng(0)
    fill(study, searched, n_recorded, generator)
    store = TrialStore(study, attributes.objectives, attributes.limits)
    proposer = Proposer(store, searched)
    in_flight: deque[StoredTrial] = deque()
    asks, tells = [], []
    for _ in range(N_RUNNING + 1 + n):
        began = time.perf_counter()
        trial = proposer.next()
        asked = time.perf_counter()
        assert trial is not None, proposer.exhausted
        in_flight.append(trial)
        asks.append(asked - began)
        if len(in_flight) > N_RUNNING:
            tells.append(_run(store, in_flight.popleft(), generator))
    asks = asks[-n:]
    assert store.n_trials == n_recorded + N_RUNNING + 1 + n
    return Asking(
        space,
        sampler,
        n_recorded,
        1e3 * statistics.median(asks),
        1e3 * max(asks),
        1e3 * statistics.median(tells),
        n,
    )


def fill(study: optuna.Study, space: Space, n: int, generator: np.random.Generator) -> None:
    """Record `n` trials with params drawn at random, as a store would have, in one write each."""
    draw = RandomDraw(generator)
    keys: set[str] = set()
    while len(keys) < n:
        params = suggest(space, draw)
        config, key = resolve(space, params)
        if key in keys:
            continue
        number = len(keys)
        keys.add(key)
        fixed = FixedTrial(params)
        suggest(space, OptunaDraw(fixed))
        metrics = _metrics(config, generator)
        now = datetime.now(UTC).isoformat()
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                values=[metrics[name] for name in space.objectives],
                params=fixed.params,
                distributions=fixed.distributions,
                user_attrs={
                    ASK: {"number": number, "params": params, "config": config, "key": key},
                    START: {"attempts": 1, "started_at": now, "worker": "1"},
                    END: {"state": "complete", "reason": None, "metrics": metrics, "finished_at": now},
                },
            )
        )


def _space(name: str, sampler: str) -> Space:
    space, _ = load_space(name, TrainerChecker())
    return replace(space, sampler=replace(space.sampler, name=sampler), constraints={})


def _run(store: TrialStore, trial: StoredTrial, generator: np.random.Generator) -> float:
    """A whole trial, from its start to its end; the seconds its end took to record."""
    metrics = _metrics(trial.config, generator)
    store.started(trial.number)
    exact = {name: metrics[name] for name in ("train_memory_mib", "latency_ms")}
    store.note(trial.number, Report("probe", metrics=exact))
    began = time.perf_counter()
    store.finish(trial.number, Outcome("complete", None, metrics))
    return time.perf_counter() - began


def _metrics(config: dict[str, Any], generator: np.random.Generator) -> dict[str, float]:
    noise = float(generator.normal())
    return {
        "val_accuracy": 60.0 + 3.0 * config["T"] - 40.0 * abs(config["optim"]["lr"] - 0.1) + noise,
        "train_memory_mib": 100.0 * config["T"] + 10.0 * abs(noise),
        "latency_ms": 1.0 * config["T"] + 0.1 * abs(noise),
    }
