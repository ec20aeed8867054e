"""The base class of all kinds of searched fields.

A parameter has *values*, as in a config (a subset's is a list), and *entries*, as samplers use them:
`{name: value}` for most, `{"b": "1,3"}` for a small subset, and one boolean for each member,
`{"b[1]": True, "b[2]": False, …}`, for a subset of more than four. A new kind is a subclass and a reader in
`spaces.distribution`; the four kinds are in `spaces.ranges` and `spaces.options`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spaces.condition import UNSET, Condition
from spaces.draw import Draw
from spaces.errors import shown


@dataclass(frozen=True, kw_only=True)
class Parameter(ABC):
    """One searched field: when it is searched (all conditions of `when`), and its value otherwise.

    otherwise: UNSET means the value of the base, or else the trainer's default.
    """

    when: Mapping[str, Condition] = field(default_factory=dict)
    otherwise: Any = UNSET

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Whether it is searched, given the values of the fields before it."""
        return all(condition.holds(values[name]) for name, condition in self.when.items())

    @property
    def otherwise_is_set(self) -> bool:
        """Whether the file gives an `otherwise`."""
        return self.otherwise is not UNSET

    @property
    @abstractmethod
    def n_values(self) -> int | None:
        """How many values it has; None for a continuous range."""

    @abstractmethod
    def values(self) -> Iterator[Any]:
        """All values of a finite parameter; the two ends of a continuous range."""

    @abstractmethod
    def contains(self, value: Any) -> bool:
        """Whether it can take a value, given as in a config."""

    @abstractmethod
    def draw(self, name: str, draw: Draw) -> Any:
        """A value, proposed by `draw`."""

    @abstractmethod
    def distribution(self) -> dict[str, Any]:
        """Its form in a space file, without `when` and `otherwise`."""

    def probes(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """The values that a check must try, each with its path below the field in the file."""
        (kind, *_) = self.distribution()
        for index, value in enumerate(self.values()):
            yield (kind, index), value

    def representatives(self, n_max: int) -> list[Any]:
        """The values with which the trainer's rules are tried.

        All options of a choice; of other kinds all values if there are up to n_max, else the two ends of a
        range (rules about numbers are limits), or the n_max smallest subsets and the whole set.
        """
        if self.n_values is not None and self.n_values <= n_max:
            return list(self.values())
        return [value for _, value in self.probes()]

    def keys(self, name: str) -> list[str]:
        """The keys of its entries."""
        return [name]

    def entries(self, name: str, value: Any) -> dict[str, Any]:
        """A value as the sampler's entries."""
        return {name: value}

    def value(self, name: str, params: Mapping[str, Any]) -> Any:
        """The value from its entries in `params`.

        Raises:
            ValueError: an entry is missing, or the parameter cannot take it.
        """
        value = params.get(name, UNSET)
        if not self.contains(value):
            got = "nothing" if value is UNSET else shown(value)
            raise ValueError(f"{name}: got {got}, allowed: {shown(self.distribution())}")
        return value

    def as_dict(self) -> dict[str, Any]:
        """Its form in a space file."""
        values = self.distribution()
        if self.when:
            values["when"] = {name: condition.as_dict() for name, condition in self.when.items()}
        if self.otherwise_is_set:
            values["otherwise"] = self.otherwise
        return values
