"""`--set`: fields of base, fields that leave the search, and what hangs on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spaces import UNSET, SpaceError, load_space
from tests.spaces.helpers import TRAINER, FakeChecker, load, mistakes_in

TEXT = """
name: x
base: {optim: {epochs: 9}}
search:
  T: {int: [1, 4]}
  distillation.mode: {choice: [none, reliable, strong2weak]}
  gradient: {choice: [rate, bptt], when: {distillation.mode: [none, reliable]}, otherwise: bptt}
  distillation.branches: {subset: [1, 2, 3], when: {distillation.mode: [reliable]}}
  distillation.beta: {float: [0.1, 1], when: {distillation.mode: {not: [none]}}}
objectives: {val_accuracy: maximize}
"""


def overridden(folder: Path, **overrides: Any) -> tuple[Any, list[str]]:
    path = folder / "space.yaml"
    path.write_text(TEXT)
    return load_space(str(path), TRAINER, {key.replace("__", "."): value for key, value in overrides.items()})


def test_a_field_of_base_is_replaced_or_added_and_told_nothing(tmp_path: Path) -> None:
    space, notes = overridden(tmp_path, optim__epochs=1, model__width=0.5)
    assert space.base == {"optim": {"epochs": 1}, "model": {"width": 0.5}}
    assert list(space.search) == list(load(tmp_path, TEXT).search)
    assert notes == []


def test_a_searched_field_leaves_the_search_and_a_note_says_so(tmp_path: Path) -> None:
    space, notes = overridden(tmp_path, T=3)
    assert "T" not in space.search
    assert space.base["T"] == 3
    assert notes == ["T is set to 3, so it is not searched"]


def test_conditions_on_the_field_are_decided(tmp_path: Path) -> None:
    space, notes = overridden(tmp_path, distillation__mode="reliable")
    assert list(space.search) == ["T", "gradient", "distillation.branches", "distillation.beta"]
    assert all(not parameter.when for parameter in space.search.values())
    assert space.search["gradient"].otherwise is UNSET
    assert len(notes) == 1


def test_what_fails_its_condition_leaves_with_the_value_it_has_there(tmp_path: Path) -> None:
    space, notes = overridden(tmp_path, distillation__mode="strong2weak")
    assert list(space.search) == ["T", "distillation.beta"]
    assert space.base == {
        "optim": {"epochs": 9},
        "distillation": {"mode": "strong2weak"},
        "gradient": "bptt",
    }
    assert notes == [
        "distillation.mode is set to strong2weak, so it is not searched",
        "gradient is bptt and not searched, since its `when` on distillation.mode fails",
        "distillation.branches is the trainer's default and not searched, "
        "since its `when` on distillation.mode fails",
    ]


def test_decisions_run_through_a_chain(tmp_path: Path) -> None:
    text = (
        "name: x\nobjectives: {accuracy: maximize}\nsearch:\n"
        "  a: {int: [1, 2]}\n"
        "  b: {int: [1, 2], when: {a: [1]}, otherwise: 5}\n"
        "  c: {int: [1, 2], when: {b: [5], s.a: [1]}, otherwise: 6}\n"
        "  s.a: {int: [1, 2]}\n"
    )
    space = load(tmp_path, text, FakeChecker(), {"a": 2})
    assert space.base == {"a": 2, "b": 5}
    assert list(space.search) == ["s.a", "c"]
    assert list(space.search["c"].when) == ["s.a"]
    assert space.resolve({"s.a": 2}) == {"a": 2, "b": 5, "c": 6, "s": {"a": 2}}


def test_an_overridden_space_resolves_as_the_whole_one_does(tmp_path: Path) -> None:
    """Independent oracle: the same params, with the overridden field among them, in the whole space."""
    whole = load(tmp_path, TEXT)
    for mode, rest in [("none", {"gradient": "rate"}), ("strong2weak", {"distillation.beta": 0.5})]:
        part, _ = overridden(tmp_path, distillation__mode=mode)
        params = {"T": 2, **rest}
        assert part.resolve(params) == whole.resolve(params | {"distillation.mode": mode})


def test_the_space_of_the_caller_is_not_shared(tmp_path: Path) -> None:
    branches = [1, 2]
    space = load(tmp_path, TEXT, overrides={"distillation.branches": branches})
    branches.append(3)
    assert space.base["distillation"]["branches"] == [1, 2]


@pytest.mark.parametrize(
    ("overrides", "key", "message"),
    [
        ({"lr": 1}, "--set lr", "no such field of a config; did you mean 'optim.lr'?"),
        ({"optim": {"lr": 1}}, "--set optim", "a section, not a field; its fields are written optim.name,"),
        ({"optim.lr": "fast"}, "--set optim.lr", "got 'fast', allowed: a valid number"),
        ({"T": 0}, "--set T", "got 0, allowed: greater than or equal to 1"),
        ({"gradient": "bppt"}, "--set gradient", "did you mean 'bptt'?"),
        ({"": 1}, '--set ""', "no such field of a config"),
    ],
)
def test_mistakes_have_no_line(tmp_path: Path, overrides: dict[str, Any], key: str, message: str) -> None:
    (mistake,) = mistakes_in(tmp_path, TEXT, overrides=overrides)
    assert (mistake.key, mistake.line) == (key, None)
    assert message in mistake.message


def test_a_combination_made_by_an_override_is_refused(tmp_path: Path) -> None:
    (mistake,) = mistakes_in(tmp_path, TEXT, overrides={"gradient": "rate"})
    assert (mistake.key, mistake.line) == ("search.distillation.mode", 6)
    assert "distillation.mode: strong2weak: 'strong2weak' needs" in mistake.message


def test_a_rule_that_two_overrides_break_is_told_as_theirs(tmp_path: Path) -> None:
    both = {"gradient": "rate", "distillation.mode": "strong2weak"}
    (mistake,) = mistakes_in(tmp_path, TEXT, overrides=both)
    assert (mistake.key, mistake.line) == ("--set distillation.mode", None)


def test_overriding_every_searched_field_leaves_nothing(tmp_path: Path) -> None:
    text = "name: x\nobjectives: {macs: minimize}\nsearch: {T: {int: [1, 4]}}\n"
    with pytest.raises(SpaceError, match="every field is set from outside: nothing to search; to train one"):
        load(tmp_path, text, overrides={"T": 2})
