"""Conditions of a `when`: for which values of another parameter a parameter is searched."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any


class Unset(Enum):
    """The type of UNSET, a value given nowhere: the trainer's default applies, and no condition matches."""

    UNSET = "unset"


UNSET = Unset.UNSET


def identity(value: Any) -> Hashable:
    """A key that is equal for values that mean the same in YAML: 1 and 1.0 do, 1 and true do not.

    NaN is equal to nothing, not even to itself.
    """
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, list | tuple):
        return (list, *map(identity, value))
    if isinstance(value, dict):
        return (dict, frozenset((key, identity(item)) for key, item in value.items()))
    return object() if value != value else value


def same(left: Any, right: Any) -> bool:
    """Whether two values have one `identity`."""
    return identity(left) == identity(right)


@dataclass(frozen=True)
class Condition:
    """Holds for the values listed, or for all others when `is_negated`."""

    values: tuple[Any, ...]
    is_negated: bool = False

    def holds(self, value: Any) -> bool:
        """Whether the condition holds for a value of the config; never for UNSET."""
        if value is UNSET:
            return False
        return (identity(value) in self._identities) != self.is_negated

    def as_dict(self) -> Any:
        """Its form in a space file: a list, or {not: list}."""
        return {"not": list(self.values)} if self.is_negated else list(self.values)

    @cached_property
    def _identities(self) -> frozenset[Hashable]:
        return frozenset(map(identity, self.values))
