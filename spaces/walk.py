"""Proposals from a space: draw one, enumerate all, count them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from math import prod
from typing import Any

from spaces.condition import identity
from spaces.draw import Draw
from spaces.parameter import Parameter
from spaces.space import Space

MAX_COUNTED = 10_000


def suggest(space: Space, draw: Draw) -> dict[str, Any]:
    """The params of one proposal: `draw` is called for each active parameter in order, and for no other.

    A subset that is drawn empty but may not be empty gets its first member.
    """
    values, active = space.follow(lambda name, parameter: parameter.draw(name, draw))
    return _entries(space, {name: values[name] for name in active})


def enumerate_params(space: Space) -> Iterator[dict[str, Any]]:
    """All params of a finite space, each once; the last parameter changes fastest.

    Raises:
        ValueError: a parameter is continuous.
    """
    endless = continuous(space)
    if endless:
        raise ValueError(f"{', '.join(endless)}: continuous, cannot be enumerated; give a step")
    return (_entries(space, chosen) for chosen in branches(space, lambda _, parameter: parameter.values()))


def continuous(space: Space) -> list[str]:
    """The names of the parameters with infinitely many values."""
    return [name for name, parameter in space.search.items() if parameter.n_values is None]


def with_causes(space: Space, names: Iterable[str]) -> set[str]:
    """These names, and those of all parameters that their `when` depends on, directly or through others."""
    needed = set(names)
    for name in reversed(list(space.search)):
        if name in needed:
            needed |= set(space.search[name].when)
    return needed


def branches(space: Space, values_of: Callable[[str, Parameter], Iterable[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of values, as a mapping of the active parameters only."""
    names = list(space.search)
    values: dict[str, Any] = {}
    chosen: dict[str, Any] = {}

    def below(index: int) -> Iterator[dict[str, Any]]:
        if index == len(names):
            yield dict(chosen)
            return
        name = names[index]
        parameter = space.search[name]
        if not parameter.is_active(values):
            values[name] = space.inactive_value(name)
            yield from below(index + 1)
            return
        for value in values_of(name, parameter):
            values[name] = chosen[name] = value
            yield from below(index + 1)
        chosen.pop(name, None)

    return below(0)


def count_params(space: Space) -> int | None:
    """How many different params `enumerate_params` gives.

    None for a continuous space, or with more than `MAX_COUNTED` branches. Only values that some `when`
    distinguishes are enumerated; all others are counted by multiplication.
    """
    if continuous(space):
        return None
    telling = {name: telling_values(space, name) for name in space.search}
    alike = {name: _n_alike(space, name) for name in space.search}
    total = 0
    for n_branches, chosen in enumerate(branches(space, lambda name, _: telling[name])):
        if n_branches >= MAX_COUNTED:
            return None
        # The last of the telling values represents all that no `when` names.
        total += prod(alike[name] for name, value in chosen.items() if value is telling[name][-1])
    return total


def named_values(space: Space, name: str) -> list[Any]:
    """The different values of a parameter that some `when` names and that it can take."""
    parameter = space.search[name]
    conditions = [other.when[name] for other in space.search.values() if name in other.when]
    named = {identity(value): value for condition in conditions for value in condition.values}
    # A `when` may write 1.0 for an option 1.
    as_searched = {identity(value): value for value in parameter.representatives(0)}
    return [as_searched.get(key, value) for key, value in named.items() if parameter.contains(value)]


def telling_values(space: Space, name: str) -> list[Any]:
    """The values of a parameter that some `when` names, and one other to represent the rest."""
    named = named_values(space, name)
    known = set(map(identity, named))
    others = (value for value in space.search[name].values() if identity(value) not in known)
    return named + list(islice(others, 1))


def _n_alike(space: Space, name: str) -> int:
    """How many values the last of `telling_values` represents, itself included."""
    n_values = space.search[name].n_values
    assert n_values is not None
    return max(n_values - len(named_values(space, name)), 1)


def _entries(space: Space, chosen: dict[str, Any]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, value in chosen.items():
        params |= space.search[name].entries(name, value)
    return params
