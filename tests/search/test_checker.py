"""What `spaces` hears about the trainer."""

from __future__ import annotations

from search.checker import TrainerChecker
from snncore.config import make_config
from snncore.metrics import METRICS, PLANNED_METRICS

CHECKER = TrainerChecker()


def test_every_rule_field_is_a_field() -> None:
    assert set(CHECKER.rule_fields()) <= set(CHECKER.field_names())


def test_fields_are_the_leaves_of_a_config() -> None:
    def leaves(values: dict[str, object], prefix: str = "") -> list[str]:
        return [
            name
            for key, value in values.items()
            for name in (leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key])
        ]

    assert list(CHECKER.field_names()) == leaves(make_config({}).as_dict())


def test_a_valid_config_has_no_problems() -> None:
    assert CHECKER.problems({}) == CHECKER.value_problems({}) == []


def test_a_value_is_a_problem_of_both_kinds() -> None:
    config = {"T": 0, "optim": {"lrr": 1}}
    problems = [
        ("T", "got 0, allowed: greater than or equal to 1"),
        ("optim.lrr", "unknown key; did you mean 'optim.lr'?"),
    ]
    assert CHECKER.problems(config) == CHECKER.value_problems(config) == problems


def test_a_combination_is_no_problem_of_values() -> None:
    config = {"gradient": "rate", "distillation": {"mode": "strong2weak"}}
    ((key, message),) = CHECKER.problems(config)
    assert key == "distillation.mode"
    assert "set gradient: bptt" in message
    assert CHECKER.value_problems(config) == []


def test_metrics_are_those_of_the_trainer() -> None:
    assert CHECKER.metrics()["val_accuracy"] == "maximize"
    assert CHECKER.metrics()["latency_ms"] == "minimize"
    assert list(CHECKER.metrics()) == list(METRICS)
    assert CHECKER.planned_metrics() == PLANNED_METRICS
    assert not set(CHECKER.metrics()) & set(CHECKER.planned_metrics())
