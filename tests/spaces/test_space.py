"""A space as a value: resolve, suggest, enumerate, count, write and read again."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces import (
    UNSET,
    Budget,
    Choice,
    Condition,
    Fidelity,
    FloatRange,
    IntRange,
    Limit,
    Objective,
    Parameter,
    RandomDraw,
    Resources,
    SamplerChoice,
    Space,
    Subset,
    enumerate_params,
    load_space,
    suggest,
)
from spaces.walk import count_params
from tests.spaces.helpers import FIELDS, FakeChecker, load, written

EXAMPLE = """
name: x
base: {T: 2, distillation: {beta: 0.7}}
search:
  distillation.mode: {choice: [none, reliable, strong2weak]}
  gradient: {choice: [rate, bptt], when: {distillation.mode: [none, reliable]}, otherwise: bptt}
  distillation.branches: {subset: [1, 2, 3], when: {distillation.mode: [reliable]}}
  distillation.beta: {float: [0.1, 0.5], step: 0.1, when: {distillation.mode: {not: [none]}}}
objectives: {val_accuracy: maximize}
"""


class ListedDraw:
    """Gives what it was told to give, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("__", "."): answer for name, answer in answers.items()}
        self.asked: list[tuple[Any, ...]] = []

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        self.asked.append((name, *options))
        return self.answers[name]

    def int(self, name: str, low: Any, high: Any, log: bool, step: Any) -> Any:
        self.asked.append((name, low, high, log, step))
        return self.answers[name]

    def float(self, name: str, low: Any, high: Any, log: bool, step: Any) -> Any:
        self.asked.append((name, low, high, log, step))
        return self.answers[name]


def test_a_config_is_base_then_params_then_otherwise(tmp_path: Path) -> None:
    space = load(tmp_path, EXAMPLE)
    reliable = {
        "distillation.mode": "reliable",
        "gradient": "rate",
        "distillation.branches": "1,3",
        "distillation.beta": 0.3,
    }
    assert space.resolve(reliable) == {
        "T": 2,
        "gradient": "rate",
        "distillation": {"mode": "reliable", "branches": [1, 3], "beta": 0.3},
    }
    assert space.resolve({"distillation.mode": "strong2weak", "distillation.beta": 0.1}) == {
        "T": 2,
        "gradient": "bptt",
        "distillation": {"mode": "strong2weak", "beta": 0.1},
    }
    assert space.resolve({"distillation.mode": "none", "gradient": "rate"}) == {
        "T": 2,
        "gradient": "rate",
        "distillation": {"mode": "none", "beta": 0.7},
    }


def test_a_config_shares_nothing_with_the_space(tmp_path: Path) -> None:
    space = load(tmp_path, EXAMPLE)
    params = {"distillation.mode": "none", "gradient": "rate"}
    space.resolve(params)["distillation"]["beta"] = 5
    space.as_dict()["base"]["distillation"]["beta"] = 5
    assert space.resolve(params)["distillation"]["beta"] == 0.7


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"gradient": "rate"}, r"distillation.mode: got nothing, allowed: \{choice: \[none, "),
        ({"distillation.mode": "non", "gradient": "rate"}, "distillation.mode: got non, allowed"),
        ({"distillation.mode": "none", "gradient": "rate", "T": 3}, "T: not searched where the other params"),
        (
            {"distillation.mode": "none", "gradient": "rate", "distillation.beta": 0.3},
            "distillation.beta: not searched where",
        ),
        ({"distillation.mode": "strong2weak", "distillation.beta": 0.33}, "distillation.beta: got 0.33"),
        (
            {
                "distillation.mode": "reliable",
                "gradient": "rate",
                "distillation.beta": 0.1,
                "distillation.branches": "3,1",
            },
            r'distillation.branches: got \{distillation.branches: "3,1"\}, allowed: \{subset: \[1, 2, 3\]\}',
        ),
    ],
)
def test_params_that_the_space_cannot_give_are_refused(
    tmp_path: Path, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load(tmp_path, EXAMPLE).resolve(params)


def test_only_active_parameters_are_asked_for_and_in_order(tmp_path: Path) -> None:
    space = load(tmp_path, EXAMPLE)
    draw = ListedDraw(distillation__mode="strong2weak", distillation__beta=0.1 + 2 * 0.1)
    assert suggest(space, draw) == {"distillation.mode": "strong2weak", "distillation.beta": 0.3}
    assert draw.asked == [
        ("distillation.mode", "none", "reliable", "strong2weak"),
        ("distillation.beta", 0.1, 0.5, False, 0.1),
    ]


def test_a_subset_of_up_to_four_is_one_categorical_of_text(tmp_path: Path) -> None:
    draw = ListedDraw(
        distillation__mode="reliable", gradient="rate", distillation__branches="2,3", distillation__beta=0.5
    )
    params = suggest(load(tmp_path, EXAMPLE), draw)
    assert params["distillation.branches"] == "2,3"
    assert draw.asked[2] == ("distillation.branches", "1", "2", "3", "1,2", "1,3", "2,3", "1,2,3")


def small_space(**search: Parameter) -> Space:
    return Space("x", {}, search, {"accuracy": Objective("maximize")})


def test_a_larger_subset_is_one_boolean_a_member() -> None:
    space = small_space(a=Subset((1, 2, 3, 4, 5)))
    answers = {f"a[{member}]": member in (2, 5) for member in range(1, 6)}
    draw = ListedDraw(**answers)
    params = suggest(space, draw)
    assert params == answers
    assert space.resolve(params) == {"a": [2, 5]}
    assert draw.asked[0] == ("a[1]", False, True)
    with pytest.raises(ValueError, match=r"a: got .*, allowed: \{subset"):
        space.resolve({"a[1]": True})


def test_a_larger_subset_drawn_empty_takes_its_first_member_unless_it_may_be_empty() -> None:
    none = {f"a[{member}]": False for member in range(1, 6)}
    space = small_space(a=Subset((1, 2, 3, 4, 5)))
    assert suggest(space, ListedDraw(**none)) == none | {"a[1]": True}
    assert space.resolve(none) == {"a": [1]}
    space = small_space(a=Subset((1, 2, 3, 4, 5), empty=True))
    assert suggest(space, ListedDraw(**none)) == none
    assert space.resolve(none) == {"a": []}


def test_all_params_of_a_finite_space(tmp_path: Path) -> None:
    space = load(tmp_path, EXAMPLE)
    params = list(enumerate_params(space))
    assert len(params) == count_params(space) == 2 + 2 * 7 * 5 + 5
    assert params[0] == {"distillation.mode": "none", "gradient": "rate"}
    assert params[-1] == {"distillation.mode": "strong2weak", "distillation.beta": 0.5}
    assert [p["distillation.beta"] for p in params[-5:]] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_continuous_space_has_no_number_of_configs_and_no_list() -> None:
    space = small_space(a=IntRange(1, 2), b=FloatRange(0.0, 1.0))
    assert count_params(space) is None
    with pytest.raises(ValueError, match="b: continuous, cannot be enumerated; give a step"):
        enumerate_params(space)


def test_a_huge_space_is_counted_without_walking_through_it() -> None:
    space = small_space(
        a=IntRange(1, 10**12),
        b=IntRange(1, 10**12, when={"a": Condition((5, 10**13))}),
        c=Subset(tuple(range(32))),
    )
    assert count_params(space) == (10**12 - 1 + 10**12) * (2**32 - 1)


def test_a_space_with_too_many_branches_is_not_counted() -> None:
    names = [f"p{index}" for index in range(20)]
    search: dict[str, Parameter] = {name: IntRange(1, 10) for name in names}
    for name in names:
        search[f"{name}.x"] = IntRange(1, 2, when={name: Condition((1, 2))})
    assert count_params(small_space(**search)) is None


@pytest.mark.parametrize(
    ("parameter", "n_values"),
    [
        (IntRange(3, 3), 1),
        (IntRange(1, 9, step=4), 3),
        (IntRange(1, 100, log=True), 100),
        (FloatRange(0.5, 0.5), 1),
        (FloatRange(0.0, 0.9, step=0.1), 10),
        (FloatRange(0.5, 0.5, step=0.1), 1),
        (Choice((None, True, "x", 0.5)), 4),
        (Subset((7,)), 1),
        (Subset((7,), empty=True), 2),
        (Subset((1, 2, 3, 4)), 15),
        (Subset((1, 2, 3, 4, 5), empty=True), 32),
    ],
)
def test_every_value_of_every_kind(parameter: Parameter, n_values: int) -> None:
    space = small_space(a=parameter)
    params = list(enumerate_params(space))
    assert len(params) == parameter.n_values == count_params(space) == n_values
    assert len({repr(p) for p in params}) == n_values
    values = list(parameter.values())
    assert [space.resolve(p)["a"] for p in params] == values
    assert all(parameter.contains(value) for value in values)


@pytest.mark.parametrize(
    ("parameter", "foreign"),
    [
        (IntRange(1, 9, step=2), [2, 11, -1, 1.0, True, "1", None]),
        (FloatRange(0.0, 1.0), [1.1, -0.1, True, "0.5", float("nan")]),
        (FloatRange(0.0, 1.0, step=0.5), [0.4, 1.5, -0.5, False]),
        (Choice((1, "a")), [True, 2, "b", None]),
        (Choice((False,)), [0, None]),
        (Subset((1, 2)), [[], [2, 1], [3], [True], "1", [1, 1]]),
    ],
)
def test_values_that_a_parameter_does_not_have(parameter: Parameter, foreign: list[Any]) -> None:
    assert not any(parameter.contains(value) for value in foreign)


def test_random_draws_fill_the_ranges_and_repeat_with_their_seed() -> None:
    space = small_space(
        a=IntRange(1, 9, step=4),
        b=IntRange(1, 8, log=True),
        c=FloatRange(1e-4, 1.0, log=True),
        d=FloatRange(-1.0, 1.0),
        e=FloatRange(0.0, 1.0, step=0.25),
        f=Choice(("x", None)),
    )
    draws = [suggest(space, RandomDraw(np.random.default_rng(seed))) for seed in range(400)]
    assert {draw["a"] for draw in draws} == {1, 5, 9}
    assert {draw["b"] for draw in draws} == set(range(1, 9))
    assert {draw["e"] for draw in draws} == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert {draw["f"] for draw in draws} == {"x", None}
    # Standard errors: 0.025 of a share of a half.
    assert abs(np.mean([draw["c"] < 1e-2 for draw in draws]) - 0.5) < 0.1
    assert abs(np.mean([draw["b"] <= 2 for draw in draws]) - np.log(2.5 / 0.5) / np.log(8.5 / 0.5)) < 0.1
    assert min(draw["d"] for draw in draws) < -0.9 < 0.9 < max(draw["d"] for draw in draws)
    assert draws[7] == suggest(space, RandomDraw(np.random.default_rng(7)))
    assert all(type(value) in (int, float, str, type(None)) for draw in draws for value in draw.values())


def test_a_space_can_be_pickled(tmp_path: Path) -> None:
    space = load(tmp_path, EXAMPLE)
    copy = pickle.loads(pickle.dumps(space))
    assert copy == space
    assert copy.search["distillation.mode"].otherwise is UNSET


REPEATABLE = settings(derandomize=True, deadline=None)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), max_size=6)
NUMBERS = st.floats(-1e9, 1e9)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | NUMBERS | TEXTS.filter(lambda t: t != "bad")
)


@st.composite
def parameters(draw: st.DrawFn) -> Parameter:
    """Any parameter without a `when`."""
    kind = draw(st.sampled_from(["int", "float", "log", "grid", "choice", "subset"]))
    if kind == "int":
        low, step, n = draw(st.integers(-99, 99)), draw(st.integers(1, 9)), draw(st.integers(0, 9))
        return IntRange(low, low + n * step, step=step)
    if kind == "float":
        low, high = sorted([draw(NUMBERS), draw(NUMBERS)])
        return FloatRange(low, high)
    if kind == "log":
        low, high = sorted([draw(st.floats(1e-12, 1e6)), draw(st.floats(1e-12, 1e6))])
        return FloatRange(low, high, log=True)
    if kind == "grid":
        return FloatRange(0.1, draw(st.integers(1, 10)) / 10, step=0.1)
    if kind == "choice":
        return Choice(tuple(draw(st.lists(SCALARS, min_size=1, max_size=4, unique=True))))
    return Subset(
        tuple(sorted(draw(st.sets(st.integers(-9, 9), min_size=1, max_size=6)))), draw(st.booleans())
    )


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Any space over the fields of the fake trainer, with conditions on fields before."""
    names = draw(st.permutations(FIELDS))[: draw(st.integers(1, len(FIELDS)))]
    search: dict[str, Parameter] = {}
    for name in names:
        parameter = draw(parameters())
        finite = [other for other, before in search.items() if before.n_values is not None]
        if finite and draw(st.booleans()):
            other = draw(st.sampled_from(finite))
            values = draw(st.lists(st.sampled_from(list(search[other].values())), min_size=1, max_size=2))
            condition = Condition(tuple(values), draw(st.booleans()))
            parameter = replace(parameter, when={other: condition}, otherwise=draw(st.just(UNSET) | SCALARS))
        search[name] = parameter
    return Space(
        name=draw(st.sampled_from(["x", "A.b-c_1"])),
        base=draw(
            st.just({}) | st.fixed_dictionaries({"a": SCALARS, "s": st.fixed_dictionaries({"b": SCALARS})})
        ),
        search=search,
        objectives={
            "accuracy": Objective("maximize", draw(st.none() | NUMBERS)),
            "rate": Objective("minimize"),
        },
        constraints=draw(st.just({}) | st.builds(lambda top: {"cost": Limit(max=top)}, NUMBERS)),
        fidelity=draw(st.none() | st.builds(Fidelity, st.integers(1, 99), st.integers(2, 9))),
        budget=Budget(draw(st.integers(1, 10**6))),
        sampler=SamplerChoice(draw(st.sampled_from(["auto", "gp"])), draw(st.integers(0, 2**32 - 1))),
        resources=Resources(draw(st.floats(0.1, 64)), draw(st.just("auto") | st.floats(0, 8))),
    )


@REPEATABLE
@given(spaces())
def test_a_space_written_and_read_again_is_equal(
    tmp_path_factory: pytest.TempPathFactory, space: Space
) -> None:
    path = written(space, tmp_path_factory.getbasetemp() / "round_trip.yaml")
    again, notes = load_space(str(path), FakeChecker())
    assert again == space
    assert list(again.search) == list(space.search)
    assert again.as_dict() == space.as_dict()
    assert notes == []


@REPEATABLE
@given(spaces(), st.integers(0, 2**32))
def test_what_is_suggested_resolves_and_is_stable(space: Space, seed: int) -> None:
    params = suggest(space, RandomDraw(np.random.default_rng(seed)))
    assert suggest(space, ListedDraw(**params)) == params
    config = space.resolve(params)
    assert space.resolve(params) == config
    for key in params:
        with pytest.raises(ValueError, match=r"got .*, allowed: "):
            space.resolve({other: value for other, value in params.items() if other != key})


@REPEATABLE
@given(spaces())
def test_counting_agrees_with_enumerating(space: Space) -> None:
    n_configs = count_params(space)
    if n_configs is not None and n_configs <= 500:
        params = list(enumerate_params(space))
        assert len(params) == n_configs
        assert len({repr(sorted(p.items(), key=lambda item: item[0])) for p in params}) == n_configs
        for p in params:
            space.resolve(p)
