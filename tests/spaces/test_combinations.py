"""Combinations that cannot be trained are refused before a run, with the culprits and a way out."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spaces import (
    UNSET,
    Choice,
    Condition,
    IntRange,
    Objective,
    Parameter,
    Space,
    SpaceError,
    Subset,
    enumerate_params,
    load_space,
)
from spaces.combinations import MAX_COMBINATIONS
from spaces.condition import same
from spaces.walk import count_params
from spikefront.nested import get
from tests.spaces.helpers import FakeChecker, Problems, load, mistakes_in, written

HEAD = "name: x\nobjectives: {val_accuracy: maximize}\n"  # what follows begins on line 3
FAKE = "name: x\nobjectives: {accuracy: maximize}\n"


def test_a_pair_is_named_and_the_advice_mends_the_space(tmp_path: Path) -> None:
    text = HEAD + (
        "search:\n"
        "  distillation.mode: {choice: [none, strong2weak, weak2strong]}\n"
        "  T: {int: [1, 4]}\n"
        "  gradient: {choice: [rate, bptt]}\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert (mistake.key, mistake.line) == ("search.distillation.mode", 4)
    assert "distillation.mode: strong2weak with gradient: rate; " in mistake.message
    assert "distillation.mode: weak2strong with gradient: rate: " in mistake.message
    assert "'strong2weak' needs a gradient at every time step" in mistake.message
    assert "write for example `distillation.mode: {choice: [none, strong2weak, weak2strong], when: {" in (
        mistake.message
    )
    assert count_params(load(tmp_path, advised(text, mistake.message))) == 4 * (2 + 1 + 1)


def advised(text: str, message: str) -> str:
    """The file with the line that the message advises."""
    field, line = re.findall(r"write for example `(\S+): (.*)`", message)[0]
    return re.sub(rf"^  {re.escape(field)}: .*$", f"  {field}: {line}", text, flags=re.MULTILINE)


def test_the_condition_that_keeps_most_combinations_is_advised_in_its_shorter_form(tmp_path: Path) -> None:
    text = HEAD + (
        "search:\n"
        "  gradient: {choice: [rate, bptt]}\n"
        "  distillation.mode: {choice: [none, supervised, reliable, strong2weak]}\n"
        "  distillation.branches: {subset: [1, 2]}\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert (
        "`gradient: {choice: [rate, bptt], when: {distillation.mode: {not: [strong2weak]}}, otherwise: bptt}`"
    ) in mistake.message
    assert count_params(load(tmp_path, advised(text, mistake.message))) == (2 * 3 + 1) * 3


def test_one_value_that_never_works_is_named_alone(tmp_path: Path) -> None:
    text = HEAD + (
        "base: {gradient: rate}\n"
        "search:\n"
        "  T: {int: [1, 4]}\n"
        "  distillation.mode: {choice: [none, strong2weak]}\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert (mistake.key, mistake.line) == ("search.distillation.mode", 6)
    assert "cannot be trained: distillation.mode: strong2weak: 'strong2weak' needs" in mistake.message
    assert "remove the value, or set what it needs in base" in mistake.message


def test_a_when_that_is_too_narrow_is_named(tmp_path: Path) -> None:
    text = HEAD + (
        "search:\n"
        "  distillation.mode: {choice: [none, supervised, reliable]}\n"
        "  distillation.branches: {subset: [1, 2], when: {distillation.mode: [reliable]}}\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert (mistake.key, mistake.line) == ("search.distillation.mode", 4)
    assert "distillation.mode: supervised: mode 'supervised' needs at least one branch" in mistake.message
    assert "distillation.branches is not searched there: widen its `when`" in mistake.message
    assert mistakes_in(tmp_path, text.replace("[reliable]}}", "[reliable]}, otherwise: [1]}")) == []


def test_an_empty_subset_is_told_as_a_value_of_its_field(tmp_path: Path) -> None:
    text = HEAD + (
        "base: {distillation: {mode: reliable}}\n"
        "search:\n"
        "  distillation.branches: {subset: [1, 2], empty: true}\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert (mistake.key, mistake.line) == ("search.distillation.branches", 5)
    assert "distillation.branches: []: mode 'reliable' needs at least one branch" in mistake.message


def test_a_base_that_never_works_is_told_at_its_line(tmp_path: Path) -> None:
    text = (
        HEAD + "search: {T: {int: [1, 4]}}\nbase:\n  gradient: rate\n  distillation:\n    mode: strong2weak\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert (mistake.key, mistake.line) == ("base.distillation.mode", 7)
    assert mistake.message.startswith("'strong2weak' needs a gradient at every time step")


def test_a_base_that_works_with_what_is_searched_is_no_mistake(tmp_path: Path) -> None:
    text = HEAD + (
        "base: {distillation: {mode: reliable}}\nsearch: {distillation.branches: {subset: [1, 2, 3]}}\n"
    )
    assert count_params(load(tmp_path, text)) == 7


def test_a_mistake_that_decides_combinations_is_told_without_guesses_about_them(tmp_path: Path) -> None:
    """With `bptr` left out, every combination would be one of rate, and the modes would look wrong."""
    text = HEAD + (
        "base: {gradient: bptr}\nsearch:\n  distillation.mode: {choice: [strong2weak, weak2strong]}\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert mistake.key == "base.gradient"


def test_a_mistake_elsewhere_does_not_hide_combinations(tmp_path: Path) -> None:
    text = HEAD + (
        "base: {gradient: rate, optim: {lr: -1}}\n"
        "search:\n"
        "  T: {int: [0, 4]}\n"
        "  distillation.mode: {choice: [none, strong2weak]}\n"
    )
    keys = [mistake.key for mistake in mistakes_in(tmp_path, text)]
    assert keys == ["base.optim.lr", "search.T.int[0]", "search.distillation.mode"]


def three_fields(config: Mapping[str, Any]) -> Problems:
    is_wrong = (config.get("a"), config.get("b"), config.get("c")) == (1, 1, 1)
    return [("a", "all three at once")] if is_wrong else []


def test_more_than_two_fields_are_shown_as_a_whole(tmp_path: Path) -> None:
    text = FAKE + "search: {a: {int: [1, 3]}, b: {int: [1, 3]}, c: {int: [1, 3]}}\n"
    (mistake,) = mistakes_in(tmp_path, text, FakeChecker(three_fields))
    assert (
        "a: 1 with b: 1 with c: 1: all three at once; narrow the range of one of a, b, c" in mistake.message
    )
    mistake = mistakes_in(tmp_path, text.replace("int: [1, 3]", "choice: [1, 2]"), FakeChecker(three_fields))[
        0
    ]
    assert "a: 1 with b: 1 with c: 1: all three at once; add a `when` to one of a, b, c" in mistake.message


def test_a_field_that_only_a_when_names_is_tried_once_for_each_way_to_decide(tmp_path: Path) -> None:
    """s.b has a million values; what the rules see depends on whether it is 5."""
    text = FAKE + (
        "search:\n"
        "  s.b: {int: [1, 1000000]}\n"
        "  a: {int: [1, 3], when: {s.b: [5]}, otherwise: 7}\n"
        "  s.c: {float: [0, 1]}\n"
    )
    checker = FakeChecker(lambda config: [("a", "seven")] if config["a"] == 7 else [])
    (mistake,) = mistakes_in(tmp_path, text, checker)
    assert checker.n_asked == 3 + 1
    assert "s.b: 1: seven; a is not searched there: widen its `when`" in mistake.message


OPTIONS = list(range(1, 401))
MANY = FAKE + f"search: {{a: {{choice: {OPTIONS}}}, b: {{choice: {OPTIONS}}}}}\n"


def test_a_space_of_too_many_combinations_is_sampled(tmp_path: Path) -> None:
    checker = FakeChecker(lambda config: [("b", "even")] if config["b"] % 2 == 0 else [])
    mistakes = mistakes_in(tmp_path, MANY, checker)
    assert checker.n_asked == MAX_COMBINATIONS
    assert [mistake.key for mistake in mistakes] == ["search.b"]
    assert re.search(r"b: \d+; b: \d+; b: \d+ \(and 197 more\): even", mistakes[0].message)


@pytest.mark.parametrize("bad", [1, 200, 400])
def test_in_a_sample_every_value_has_its_turn(tmp_path: Path, bad: int) -> None:
    (mistake,) = mistakes_in(
        tmp_path, MANY, FakeChecker(lambda config: [("a", "no")] if config["a"] == bad else [])
    )
    assert f"cannot be trained: a: {bad}: no" in mistake.message


def test_a_long_range_is_tried_at_its_ends(tmp_path: Path) -> None:
    text = FAKE + "search: {a: {int: [1, 100000]}, b: {subset: [1, 2, 3, 4, 5, 6, 7]}}\n"
    checker = FakeChecker(lambda config: [("a", "high")] if config["a"] > 9000 else [])
    (mistake,) = mistakes_in(tmp_path, text, checker)
    assert "cannot be trained: a: 100000: high" in mistake.message
    whole = FakeChecker(lambda config: [("b", "all")] if len(config["b"]) == 7 else [])
    (mistake,) = mistakes_in(tmp_path, text, whole)
    assert "cannot be trained: b: [1, 2, 3, 4, 5, 6, 7]: all" in mistake.message


def test_what_one_pair_explains_is_not_held_against_others(tmp_path: Path) -> None:
    """In a sample, values that happened to meet only the guilty pair would look guilty themselves."""
    modes = "none, supervised, deepest, ensemble, reliable, strong2weak, weak2strong, simultaneous"
    text = HEAD + (
        f"base: {{distillation: {{branches: [1]}}}}\nsearch:\n  distillation.mode: {{choice: [{modes}]}}\n"
        "  gradient: {choice: [rate, bptt]}\n"
        f"  model.arch: {{choice: [{', '.join(f'my.net{i}:make' for i in range(600))}]}}\n"
        "  data.augment: {choice: [none, crop_flip, fast]}\n"
    )
    (mistake,) = mistakes_in(tmp_path, text)
    assert mistake.key == "search.distillation.mode"
    assert "simultaneous with gradient: rate" in mistake.message
    assert "otherwise: bptt}`" in mistake.message
    assert mistakes_in(tmp_path, advised(text, mistake.message)) == []


def test_a_space_without_any_combination_that_can_be_trained_says_so(tmp_path: Path) -> None:
    text = HEAD + "search: {distillation.mode: {choice: [supervised, reliable]}, T: {int: [1, 4]}}\n"
    (mistake,) = mistakes_in(tmp_path, text)
    assert mistake.key == "base.distillation.branches"
    assert mistake.message.startswith("no combination can be trained: mode 'supervised' needs at least one")


def test_limits_of_numbers_are_checked_with_what_limits_them(tmp_path: Path) -> None:
    text = HEAD + "search: {optim.warmup_epochs: {int: [0, 3]}, optim.epochs: {int: [3, 500]}}\n"
    (mistake,) = mistakes_in(tmp_path, text)
    assert (mistake.key, mistake.line) == ("search.optim.warmup_epochs", 3)
    assert "optim.warmup_epochs: 3 with optim.epochs: 3: got 3, allowed: fewer than" in mistake.message
    assert "narrow the range of one of optim.warmup_epochs, optim.epochs" in mistake.message
    assert mistakes_in(tmp_path, text.replace("[3, 500]", "[4, 500]")) == []
    (mistake,) = mistakes_in(
        tmp_path,
        HEAD + "base: {data: {size: 64}}\nsearch: {data.name: {choice: [digits, nmnist]}}\n",
    )
    assert "data.name: nmnist: got 64, allowed for nmnist: up to 34" in mistake.message


def test_a_searched_preset_is_one_of_the_causes(tmp_path: Path) -> None:
    text = HEAD + "base: {data: {name: digits}}\nsearch: {preset: {choice: [null, p1_imagenet]}}\n"
    (mistake,) = mistakes_in(tmp_path, text)
    assert mistake.key == "search.preset"
    assert "cannot be trained: preset: p1_imagenet: 'imagenet' with digits" in mistake.message


def test_a_when_may_write_an_option_in_another_form(tmp_path: Path) -> None:
    """`1.0` in a `when` means the option 1, and the trainer is asked about the option."""
    text = HEAD + (
        "search:\n  T: {choice: [1, 2]}\n"
        "  gradient: {choice: [rate, bptt], when: {T: [1.0]}, otherwise: bptt}\n"
    )
    assert count_params(load(tmp_path, text)) == 3


@pytest.mark.parametrize("n_fields", [1, 3])
def test_a_valid_space_is_asked_about_every_combination_once(tmp_path: Path, n_fields: int) -> None:
    fields = ", ".join(f"{name}: {{int: [1, 4]}}" for name in "abc"[:n_fields])
    checker = FakeChecker(lambda _: [])
    load(tmp_path, f"{FAKE}search: {{{fields}}}", checker)
    assert checker.n_asked == 4**n_fields


RULED = ("a", "b", "c", "s.a")


def ruled_space(generator: random.Random) -> Space:
    """A small finite space of the fields that the rules of the fake trainer read, most under conditions."""
    search: dict[str, Parameter] = {}
    for name in generator.sample(RULED, len(RULED)):
        parameter: Parameter = generator.choice(
            [
                IntRange(1, 5),
                IntRange(3, 9, step=3),
                Choice(("x", None, 2)),
                Subset((1, 2)),
                Subset((7,), True),
            ]
        )
        if search and generator.random() < 0.8:
            other = generator.choice(list(search))
            values = list(search[other].values())
            condition = Condition(
                tuple(generator.sample(values, min(len(values), 2))), generator.random() < 0.5
            )
            otherwise = generator.choice([UNSET, *parameter.values()])
            parameter = replace(parameter, when={other: condition}, otherwise=otherwise)
        search[name] = parameter
    return Space("x", {}, search, {"accuracy": Objective("maximize")})


def test_a_space_is_refused_when_one_of_its_configs_is_bad_and_only_then(tmp_path: Path) -> None:
    """Against a walk through all configs; the bad one is named by one value, by two, or by three."""
    generator = random.Random(0)
    n_refused, n_spaces = 0, 150
    for _ in range(n_spaces):
        space = ruled_space(generator)
        configs = [space.resolve(params) for params in enumerate_params(space)]
        fields = generator.sample(RULED, generator.randint(1, 3))
        values = {field: get(generator.choice(configs), field, UNSET) for field in fields}
        is_bad = [
            all(same(get(config, field, UNSET), value) for field, value in values.items())
            for config in configs
        ]
        bad = [config for config, bad in zip(configs, is_bad, strict=True) if bad]
        checker = FakeChecker(lambda config, bad=bad: [(fields[0], "a bad one")] if config in bad else [])  # noqa: B023
        path = written(space, tmp_path / "ruled.yaml")
        n_refused += bool(bad)
        if bad:
            with pytest.raises(SpaceError, match="a bad one"):
                load_space(str(path), checker)
        else:
            assert load_space(str(path), checker) == (space, [])
    assert n_spaces / 3 < n_refused < n_spaces * 0.95
