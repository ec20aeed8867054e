# ruff: noqa: D102 - methods without a docstring do what `Parameter` says
"""Searched fields with a few possible values: choice and subset."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, islice
from typing import Any

from spaces.condition import identity
from spaces.draw import Draw
from spaces.errors import shown
from spaces.parameter import Parameter

MAX_CATEGORICAL_MEMBERS = 4


@dataclass(frozen=True)
class Choice(Parameter):
    """One of a few values: null, booleans, numbers or text."""

    options: tuple[Any, ...]

    @property
    def n_values(self) -> int:
        return len(self.options)

    def values(self) -> Iterator[Any]:
        return iter(self.options)

    def contains(self, value: Any) -> bool:
        return identity(value) in self._identities

    def draw(self, name: str, draw: Draw) -> Any:
        return draw.choice(name, self.options)

    def distribution(self) -> dict[str, Any]:
        return {"choice": list(self.options)}

    def representatives(self, n_max: int) -> list[Any]:
        return list(self.options)

    @cached_property
    def _identities(self) -> frozenset[Hashable]:
        return frozenset(map(identity, self.options))


@dataclass(frozen=True)
class Subset(Parameter):
    """A subset of a few integers, ascending; the empty one only if `empty`."""

    members: tuple[int, ...]
    empty: bool = False

    @property
    def n_values(self) -> int:
        return (1 << len(self.members)) - (not self.empty)

    def values(self) -> Iterator[list[int]]:
        sizes = range(0 if self.empty else 1, len(self.members) + 1)
        return map(list, chain.from_iterable(combinations(self.members, size) for size in sizes))

    def contains(self, value: Any) -> bool:
        if not isinstance(value, list) or not (value or self.empty):
            return False
        chosen = set(map(identity, value))
        return value == [member for member in self.members if member in chosen] and _are_integers(value)

    def draw(self, name: str, draw: Draw) -> list[int]:
        if self._is_categorical:
            drawn = {name: draw.choice(name, [_joined(value) for value in self.values()])}
        else:
            drawn = {key: draw.choice(key, [False, True]) for key in self.keys(name)}
        return self.value(name, drawn)

    def keys(self, name: str) -> list[str]:
        return [name] if self._is_categorical else [f"{name}[{member}]" for member in self.members]

    def entries(self, name: str, value: Any) -> dict[str, Any]:
        if self._is_categorical:
            return {name: _joined(value)}
        return {f"{name}[{member}]": member in value for member in self.members}

    def value(self, name: str, params: Mapping[str, Any]) -> list[int]:
        """As in the base class; no member means the first one if the subset may not be empty."""
        if self._is_categorical:
            for value in self.values():
                if params.get(name) == _joined(value):
                    return value
        elif all(isinstance(params.get(key), bool) for key in self.keys(name)):
            chosen = [member for member in self.members if params[f"{name}[{member}]"]]
            return chosen or ([] if self.empty else [self.members[0]])
        given = {key: params[key] for key in self.keys(name) if key in params}
        raise ValueError(f"{name}: got {shown(given)}, allowed: {shown(self.distribution())}")

    def probes(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        for index, member in enumerate(self.members):
            yield ("subset", index), [member]
        if self.empty:
            yield ("empty",), []

    def distribution(self) -> dict[str, Any]:
        values: dict[str, Any] = {"subset": list(self.members)}
        return values | {"empty": True} if self.empty else values

    def representatives(self, n_max: int) -> list[Any]:
        few = list(islice(self.values(), n_max))
        return few if len(few) == self.n_values else [*few, list(self.members)]

    @property
    def _is_categorical(self) -> bool:
        return len(self.members) <= MAX_CATEGORICAL_MEMBERS


def _are_integers(values: list[Any]) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _joined(members: list[int]) -> str:
    return ",".join(map(str, members))
