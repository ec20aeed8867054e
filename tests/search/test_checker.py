"""What `spaces` hears about the trainer."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any, cast

import pytest
from pydantic import BaseModel

from search.checker import TrainerChecker
from snncore.config.load import make_config, parse_config
from snncore.config.metrics import BESIDE_ACCURACY, METRICS, PLANNED_METRICS
from snncore.config.rules import rule_problems
from snncore.config.schema import Config

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
    assert CHECKER.metrics()["balanced_accuracy"] == "maximize"
    assert set(BESIDE_ACCURACY) <= set(CHECKER.planned_metrics())  # refused with the reason


class Spy:
    """A config, or a section of one, that notes the fields it is asked for."""

    def __init__(self, values: Any, read: set[str], prefix: str = "") -> None:
        self._values, self._read, self._prefix = values, read, prefix

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._values, name)
        if isinstance(value, BaseModel):
            return Spy(value, self._read, f"{self._prefix}{name}.")
        self._read.add(self._prefix + name)
        return value


def test_rule_fields_are_those_that_the_rules_read_and_the_preset() -> None:
    """The rules are followed into each of their branches: read over configs of every kind."""
    read: set[str] = set()
    for arch, mode, name, augment in product(
        ("convnet", "mlp", "my.net:make"),
        ("none", "reliable", "strong2weak", "reliable+strong2weak"),
        ("digits", "imagenet", "shd", "nmnist", "npz"),
        ("none", "events", "imagenet", "autoaugment"),
    ):
        config = parse_config(
            {
                "model": {"arch": arch},
                "distillation": {"mode": mode, "branches": [9]},
                "data": {"name": name, "augment": augment, "size": 64},
                "optim": {"warmup_epochs": 30},
            }
        )
        list(rule_problems(cast(Config, Spy(config, read))))
    assert read | {"preset"} == set(CHECKER.rule_fields())


@pytest.mark.parametrize(
    ("section", "field", "others"),
    [
        ("optim", "warmup_epochs", {"epochs": 7}),
        ("optim", "epochs", {"warmup_epochs": 7}),
        ("data", "size", {"name": "nmnist"}),
        ("data", "size", {"name": "shd"}),
    ],
)
def test_a_rule_about_a_number_is_a_limit(section: str, field: str, others: dict[str, Any]) -> None:
    """So that of a long range the ends are enough."""
    found = [bool(CHECKER.problems({section: {field: value, **others}})) for value in range(8, 100)]
    assert sum(one != other for one, other in pairwise(found)) <= 1
