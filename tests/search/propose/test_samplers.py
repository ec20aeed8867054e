"""A contract over every sampler name, on plain, conditional, subset and constrained spaces."""

from __future__ import annotations

import math
from typing import Any

import pytest

from search.propose.proposer import Proposer
from search.propose.samplers import SAMPLERS
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from spaces.condition import Condition
from spaces.options import Subset
from spaces.ranges import IntRange
from spaces.space import Space
from studies.model import State
from tests.search.fakes import Choice, FloatRange, Limit, SamplerChoice, make_space
from tests.search.stores import measured, new_store, reopened, row

RELIABLE = {"distillation.mode": Condition(("reliable",))}
SPACES: dict[str, dict[str, Any]] = {
    "plain": {
        "search": {
            "optim.lr": FloatRange(0.01, 1.0, log=True),
            "optim.momentum": FloatRange(0.0, 0.9, step=0.1),
            "data.train_limit": IntRange(100, 900, step=200),
        }
    },
    "conditional": {
        "search": {
            "distillation.mode": Choice(("none", "reliable")),
            "distillation.alpha": FloatRange(0.1, 2.0, log=True, when=RELIABLE),
            "distillation.branches": Subset((1, 2, 3), when=RELIABLE),
            "gradient": Choice(("rate", "bptt"), when={"distillation.mode": Condition(("none",))}),
        }
    },
    "subset": {
        "base": {"distillation.mode": "reliable", "model.arch": "resnet18"},
        "search": {"distillation.branches": Subset((1, 2, 3)), "data.train_limit": IntRange(1, 9)},
    },
    "constrained": {
        "search": {"T": IntRange(1, 16), "optim.lr": FloatRange(0.01, 1.0)},
        "constraints": {"train_memory_mib": Limit(max=80.0), "val_accuracy": Limit(min=30.0)},
    },
}
ENDS: tuple[State, ...] = ("complete", "infeasible", "complete", "stopped", "failed", "complete")
SLOW = {("gp", "plain"), ("gp", "subset"), ("gp", "constrained")}
WITHOUT_A_SEQUENCE = {"grid"}
"""A grid takes finite spaces only."""


def _space(kind: str, sampler: str, seed: int = 3) -> Space:
    return make_space(sampler=SamplerChoice(sampler, seed), **SPACES[kind])


def _live(store: TrialStore, space: Space, n: int) -> list[dict[str, Any]]:
    """So many trials, two at a time, that end in all ways; their params."""
    proposer = Proposer(store, space)
    params, waiting = [], []
    for count in range(n):
        trial = proposer.next()
        assert trial is not None, proposer.exhausted
        store.started(trial.number)
        params.append(trial.params)
        waiting.append((trial, ENDS[count % len(ENDS)]))
        if len(waiting) == 2:
            ended, state = waiting.pop(0)
            metrics = measured(ended)
            store.note(ended.number, row(1, metrics["val_accuracy"] / 2))
            cheap = {name: metrics[name] for name in ("train_memory_mib", "latency_ms")}
            store.finish(ended.number, Outcome(state, None, metrics if state == "complete" else cheap))
    return params


@pytest.mark.parametrize(
    ("sampler", "kind"),
    [
        pytest.param(sampler, kind, marks=pytest.mark.slow if (sampler, kind) in SLOW else ())
        for sampler in sorted(set(SAMPLERS) - WITHOUT_A_SEQUENCE)
        for kind in SPACES
    ],
)
def test_valid_new_params_after_every_kind_of_end_and_after_a_resume(sampler: str, kind: str) -> None:
    space = _space(kind, sampler)
    store = new_store(space)
    before = _live(store, space, 14)
    after = _live(reopened(store), space, 4)
    for params in before + after:
        space.resolve(params)  # raises where a value is not one of its parameter's
    assert len({str(sorted(params.items())) for params in before + after}) == 18


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize(
    "sampler",
    [
        *sorted(set(SAMPLERS) - WITHOUT_A_SEQUENCE - {"gp", "auto"}),
        pytest.param("auto", marks=pytest.mark.slow),  # it stands for cheap_first
    ],
)
def test_one_seed_one_sequence_and_another_seed_another(sampler: str, kind: str) -> None:
    spaces = [_space(kind, sampler, seed) for seed in (3, 3, 4)]
    first, again, other = (_live(new_store(space), space, 14) for space in spaces)
    assert first == again
    assert first != other


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - {"gp"}))
def test_a_metric_that_is_infinite_or_missing_does_no_harm(sampler: str) -> None:
    space = make_space(sampler=SamplerChoice(sampler, 0), search={"seed": IntRange(0, 99)})
    store = new_store(space)
    proposer = Proposer(store, space)
    for count in range(15):
        trial = proposer.next()
        assert trial is not None
        broken = ({}, {"val_accuracy": math.inf}, {"val_accuracy": math.nan, "latency_ms": 1.0})[count % 3]
        metrics = {**measured(trial), **broken} if count % 2 else broken
        store.finish(trial.number, Outcome("complete", None, metrics))
    assert len(store.trials) == 15
