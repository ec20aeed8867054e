"""Conditions between fields: what a `when` may name, the order of fields, what holds elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from spaces import UNSET, Condition
from spaces.walk import count_params
from tests.spaces.helpers import FakeChecker, load, mistakes_in

HEAD = "name: x\nobjectives: {accuracy: maximize}\nsearch:\n"  # what follows begins on line 4
MISTAKES = {
    "typo": (
        "a: {int: [1, 2]}\nb: {int: [1, 2], when: {aa: [1]}}",
        5,
        "b.when.aa",
        "is not searched.*mean 'a'",
    ),
    "not searched": (
        "a: {int: [1, 2]}\nb: {int: [1, 2], when: {s.deep.b: [1]}}",
        5,
        "b.when.s.deep.b",
        "s.deep.b is not searched, so no `when` can depend on it; searched are: a, b",
    ),
    "no list": (
        "a: {int: [1, 2]}\nb: {int: [1, 2], when: {a: 1}}",
        5,
        "b.when.a",
        "got 1, allowed: a list of",
    ),
    "empty list": ("a: {int: [1, 2]}\nb: {int: [1, 2], when: {a: []}}", 5, "b.when.a", r"got \[\], allowed"),
    "unknown word": (
        "a: {int: [1, 2]}\nb: {int: [1, 2], when: {a: {nott: [1]}}}",
        5,
        "b.when.a.nott",
        "unknown key; allowed: not; did you mean 'not'",
    ),
    "empty not": ("a: {int: [1, 2]}\nb: {int: [1, 2], when: {a: {not: []}}}", 5, "b.when.a.not", r"got \[\]"),
    "impossible integer": (
        "a: {int: [1, 7], step: 2}\nb: {int: [1, 2], when: {a: [3, 4]}}",
        5,
        "b.when.a[1]",
        r"got 4, which a never is; it is \{int: \[1, 7\], step: 2\}",
    ),
    "impossible word": (
        "a: {choice: [one, two]}\nb: {int: [1, 2], when: {a: {not: [tow]}}}",
        5,
        "b.when.a.not[0]",
        "got tow, which a never is; .*did you mean 'two'",
    ),
    "true is not 1": (
        "a: {choice: [1, 2]}\nb: {int: [1, 2], when: {a: [true]}}",
        5,
        "b.when.a[0]",
        "got true",
    ),
    "text of a subset": (
        "a: {subset: [1, 2]}\nb: {int: [1, 2], when: {a: ['1,2']}}",
        5,
        "b.when.a[0]",
        'got "1,2", which a never is',
    ),
    "continuous": (
        "a: {float: [0, 1]}\nb: {int: [1, 2], when: {a: [0]}}",
        5,
        "b.when.a",
        "a is continuous and meets a value by chance only; give it a step",
    ),
    "itself": ("a: {int: [1, 2]}\nb: {int: [1, 2], when: {b: [1]}}", 5, "b.when.b", "a circle: b → b"),
    "circle of three": (
        "a: {int: [1, 2], when: {b: [1]}}\n"
        "b: {int: [1, 2], when: {c: [1]}}\n"
        "c: {int: [1, 2], when: {a: [1]}}",
        6,
        "c.when.a",
        "a circle: a → b → c → a",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(tmp_path: Path, name: str) -> None:
    text, line, key, message = MISTAKES[name]
    indented = "".join(f"  {row}\n" for row in text.splitlines())
    (mistake,) = mistakes_in(tmp_path, HEAD + indented, FakeChecker())
    assert (mistake.key, mistake.line) == (f"search.{key}", line)
    assert re.search(message, mistake.message)


def test_a_field_named_by_a_when_is_moved_before_it_and_the_rest_stays(tmp_path: Path) -> None:
    text = """
  s.a: {int: [1, 2], when: {c: [1]}}
  a: {int: [1, 2]}
  c: {int: [1, 2], when: {b: [1]}}
  b: {int: [1, 2]}
  s.b: {int: [1, 2]}
"""
    assert list(load(tmp_path, HEAD + text, FakeChecker()).search) == ["b", "c", "s.a", "a", "s.b"]


def test_a_misspelt_option_is_told_once_and_not_in_each_when_that_spells_it_right(tmp_path: Path) -> None:
    text = "  a: {choice: [ok, bad]}\n  b: {int: [1, 2], when: {a: [good]}}\n"
    (mistake,) = mistakes_in(tmp_path, HEAD + text, FakeChecker())
    assert (mistake.key, mistake.line) == ("search.a.choice[1]", 4)
    assert mistake.message == "got 'bad', allowed: 'good'"


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (Condition((1, 2)), 2, True),
        (Condition((1, 2)), 2.0, True),
        (Condition((1, 2)), 3, False),
        (Condition((1,)), True, False),
        (Condition((False,)), 0, False),
        (Condition((None,)), None, True),
        (Condition(([1, 3],)), [1, 3], True),
        (Condition(("a",), is_negated=True), "a", False),
        (Condition(("a",), is_negated=True), "b", True),
        (Condition((1,)), UNSET, False),
        (Condition((1,), is_negated=True), UNSET, False),
    ],
)
def test_conditions(condition: Condition, value: Any, holds: bool) -> None:
    assert condition.holds(value) is holds


CHAIN = """
  a: {choice: [on, off]}
  b: {int: [1, 3], when: {a: [on]}%s}
  c: {int: [1, 3], when: {b: {not: [3]}}}
"""


def test_a_when_looks_at_the_value_that_an_inactive_field_has(tmp_path: Path) -> None:
    """b is inactive under off: its `otherwise`, base's value, or the trainer's default decides about c."""
    off = {"a": "off"}
    space = load(tmp_path, HEAD + CHAIN % ", otherwise: 2", FakeChecker())
    assert space.resolve(off | {"c": 1}) == {"a": "off", "b": 2, "c": 1}
    space = load(tmp_path, HEAD + CHAIN % ", otherwise: 3", FakeChecker())
    assert space.resolve(off) == {"a": "off", "b": 3}
    space = load(tmp_path, "base: {b: 1, c: 9}\n" + HEAD + CHAIN % "", FakeChecker())
    assert space.resolve(off | {"c": 1}) == {"a": "off", "b": 1, "c": 1}
    space = load(tmp_path, "base: {b: 3, c: 9}\n" + HEAD + CHAIN % "", FakeChecker())
    assert space.resolve(off) == {"a": "off", "b": 3, "c": 9}
    space = load(tmp_path, HEAD + CHAIN % "", FakeChecker())
    assert space.resolve(off) == {"a": "off"}
    assert space.resolve({"a": "on", "b": 1, "c": 2}) == {"a": "on", "b": 1, "c": 2}
    assert space.resolve({"a": "on", "b": 3}) == {"a": "on", "b": 3}


def test_all_conditions_of_a_when_must_hold(tmp_path: Path) -> None:
    text = "  a: {int: [1, 2]}\n  b: {int: [1, 2]}\n  c: {int: [5, 6], when: {a: [1], b: [2]}}\n"
    space = load(tmp_path, HEAD + text, FakeChecker())
    assert space.resolve({"a": 1, "b": 2, "c": 5}) == {"a": 1, "b": 2, "c": 5}
    assert space.resolve({"a": 1, "b": 1}) == {"a": 1, "b": 1}
    assert count_params(space) == 3 + 2


def test_a_when_may_name_the_otherwise_of_a_conditional_field(tmp_path: Path) -> None:
    text = (
        "  a: {choice: [on, off]}\n"
        "  b: {int: [1, 3], when: {a: [on]}, otherwise: 0}\n"
        "  c: {int: [7, 8], when: {b: [0]}}\n"
    )
    space = load(tmp_path, HEAD + text, FakeChecker())
    assert space.resolve({"a": "off", "c": 7}) == {"a": "off", "b": 0, "c": 7}
    assert count_params(space) == 3 + 2
