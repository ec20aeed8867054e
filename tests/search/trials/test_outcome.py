"""Each way a trial can end, and what Optuna is told about it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.constraints import Bounds
from search.trials.outcome import Outcome, judge, of_error, optuna_result
from snncore.errors import DivergedError, SilentNetworkError
from studies.model import STATES, Objective
from tests.search.fakes import OutOfMemoryError

OBJECTIVES = (
    Objective("val_accuracy", "maximize"),
    Objective("train_memory_mib", "minimize"),
    Objective("firing_rate", "minimize"),
)
LIMITS = {"train_memory_mib": Bounds(max=100.0), "val_accuracy": Bounds(min=80.0)}
METRICS = {"val_accuracy": 90.0, "train_memory_mib": 50.0, "firing_rate": 0.1}


def test_a_complete_trial_is_reported_its_values_in_the_users_direction() -> None:
    told = optuna_result(Outcome("complete", None, METRICS), OBJECTIVES, LIMITS, {})
    assert told.state == "complete"
    assert told.values == (90.0, 50.0, 0.1)
    assert told.constraints == pytest.approx(
        {"train_memory_mib": -0.5, "val_accuracy": -0.125, "outcome": 0.0}
    )


def test_a_complete_trial_may_violate_what_only_training_knows() -> None:
    told = optuna_result(Outcome("complete", None, METRICS | {"val_accuracy": 60.0}), OBJECTIVES, LIMITS, {})
    assert told.state == "complete"
    assert told.constraints["val_accuracy"] == pytest.approx(0.25)
    assert told.constraints["outcome"] == 0.0


def test_a_stopped_trial_is_pruned_without_values_but_with_constraints() -> None:
    told = optuna_result(Outcome("stopped", "rung", {"train_memory_mib": 50.0}), OBJECTIVES, LIMITS, {})
    assert (told.state, told.values) == ("pruned", None)
    assert told.constraints == pytest.approx({"train_memory_mib": -0.5, "val_accuracy": 0.0, "outcome": 0.0})


def test_infeasible_has_exact_cheap_values_and_the_worst_for_the_rest() -> None:
    known = {"train_memory_mib": 200.0}
    told = optuna_result(Outcome("infeasible", "too big", known), OBJECTIVES, LIMITS, {"firing_rate": 0.7})
    assert told.state == "complete"
    assert told.values == (0.0, 200.0, 0.7)
    assert told.constraints == pytest.approx({"train_memory_mib": 1.0, "val_accuracy": 0.0, "outcome": 1.0})


def test_infeasible_never_tells_the_accuracy_of_an_early_epoch() -> None:
    told = optuna_result(Outcome("infeasible", "diverged", METRICS), OBJECTIVES, LIMITS, {})
    assert told.values == (0.0, 50.0, 0.0)


def test_a_failed_trial_is_not_held_against_its_config() -> None:
    told = optuna_result(Outcome("failed", "boom"), OBJECTIVES, LIMITS, {})
    assert (told.state, told.values) == ("fail", None)


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "missing"])
def test_a_complete_trial_without_a_finite_objective_is_infeasible(value: Any) -> None:
    metrics = {key: old for key, old in METRICS.items() if key != "firing_rate"}
    if value != "missing":
        metrics["firing_rate"] = value
    outcome = judge(Outcome("complete", None, metrics), [own.name for own in OBJECTIVES])
    assert outcome.state == "infeasible"
    assert outcome.reason == f"firing_rate is {value}"


def test_judge_leaves_every_other_outcome_alone() -> None:
    for state in STATES:
        outcome = Outcome(state, "why", METRICS if state == "complete" else {})
        assert judge(outcome, ["val_accuracy"]) == outcome


@given(
    st.sampled_from(["complete", "stopped", "infeasible", "failed"]),
    st.dictionaries(
        st.sampled_from(["val_accuracy", "train_memory_mib", "firing_rate", "latency_ms"]),
        st.one_of(st.floats(), st.none(), st.integers(-5, 5)),
    ),
)
def test_nothing_optuna_refuses_is_ever_told(state: Any, metrics: dict[str, Any]) -> None:
    names = [own.name for own in OBJECTIVES]
    told = optuna_result(judge(Outcome(state, None, metrics), names), OBJECTIVES, LIMITS, {})
    assert list(told.constraints) == ["train_memory_mib", "val_accuracy", "outcome"]
    assert all(math.isfinite(value) for value in told.constraints.values())
    assert (told.values is not None) == (told.state == "complete")
    if told.values is not None:
        assert len(told.values) == len(OBJECTIVES)
        assert all(math.isfinite(value) for value in told.values)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DivergedError(3, 7, math.nan), "diverged: loss nan in epoch 3, step 7"),
        (SilentNetworkError([1, 4]), "silent: no spikes in neuron layer 1, 4 on the validation set"),
        (MemoryError(), "out of memory: MemoryError"),
        (OutOfMemoryError("CUDA out of memory.\nTried"), "out of memory: CUDA out of memory."),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), "out of memory: DefaultCPU"),
        (RuntimeError("CUDA error: out of memory\nCompile with"), "out of memory: CUDA error: out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "out of memory: CUDA error"),
        (OSError(12, "Cannot allocate memory"), "out of memory: [Errno 12] Cannot allocate memory"),
        (RuntimeError("std::bad_alloc"), "out of memory: std::bad_alloc"),
    ],
)
def test_errors_that_speak_of_the_config(error: BaseException, reason: str) -> None:
    found = of_error(error)
    assert found is not None
    assert (found.state, found.out_of_memory) == ("infeasible", reason.startswith("out of memory"))
    assert (found.reason or "").startswith(reason)


@pytest.mark.parametrize("error", [ValueError("shapes"), KeyError("x"), RuntimeError("CUDA error: launch")])
def test_errors_that_do_not(error: BaseException) -> None:
    assert of_error(error) is None
