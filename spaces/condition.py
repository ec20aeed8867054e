"""When a parameter is searched: what a `when` asks of another parameter's value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Unset(Enum):
    """A value that nobody has written: the trainer's own default applies, and no condition matches it."""

    UNSET = "unset"


UNSET = Unset.UNSET


def same(left: Any, right: Any) -> bool:
    """Equality as a YAML user means it: 1 and 1.0 are the same value, 1 and true are not."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


@dataclass(frozen=True)
class Condition:
    """Holds for the values listed, or for all others when `is_negated`."""

    values: tuple[Any, ...]
    is_negated: bool = False

    def holds(self, value: Any) -> bool:
        """Whether the condition holds for a value of the config; never for UNSET."""
        if value is UNSET:
            return False
        return any(same(value, listed) for listed in self.values) != self.is_negated

    def as_dict(self) -> Any:
        """As it stands in a space file: a list, or {not: list}."""
        return {"not": list(self.values)} if self.is_negated else list(self.values)
