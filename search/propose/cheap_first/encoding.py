"""Params as numbers: one row of a matrix for one proposal, inactive parameters included.

Each searched field owns a group of columns, so that a surrogate can weigh a field as a whole. Within a
group two values are about as far apart as their meaning: different options at a distance of 1, numbers by
their place in the range (on a logarithmic scale where the field says `log`), subsets by the members they
do not share. A field that is not searched for these params takes a point of its own, at a distance of at
least 1 from each of its values, unless its `otherwise` says which value it has then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.options import Choice, Subset
from spaces.parameter import Parameter
from spaces.ranges import FloatRange, IntRange
from spaces.space import Space
from spikefront.numbers import is_number

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Row = tuple[float, ...]

_APART = math.sqrt(0.5)  # two one-hot rows of this height stand at a distance of 1


@dataclass(frozen=True)
class _Field:
    """The columns of one searched field: a function of its value, and the row of "not searched"."""

    row_of: Callable[[Any], Row]
    inactive: Row


class Encoding:
    """The coding of one space.

    groups: for each column the index of its field (in the order of `space.search`); shape (d,).
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._fields = {name: _field(parameter) for name, parameter in space.search.items()}
        widths = [len(field.inactive) for field in self._fields.values()]
        self.groups: Ints = np.repeat(np.arange(len(widths)), widths)

    def encode(self, params: Sequence[Mapping[str, Any]]) -> Floats:
        """The codes (n, d) of n params.

        Raises:
            ValueError: params lacks an active parameter or holds a value that its parameter cannot take.
        """
        rows = [self._row(each) for each in params]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.groups))

    def _row(self, params: Mapping[str, Any]) -> list[float]:
        values, active = self._space.follow(lambda name, parameter: parameter.value(name, params))
        searched: set[str] = set(active)
        row: list[float] = []
        for name, field in self._fields.items():
            row += field.row_of(values[name]) if name in searched else field.inactive
        return row


def _field(parameter: Parameter) -> _Field:
    kinds: dict[type[Parameter], Callable[[Any], _Field]] = {
        IntRange: _number,
        FloatRange: _number,
        Choice: _choice,
        Subset: _subset,
    }
    field = kinds[type(parameter)](parameter)
    if not parameter.when:
        width = len(field.row_of(next(iter(parameter.values()))))
        return _Field(field.row_of, (0.0,) * width)
    if parameter.otherwise_is_set and parameter.contains(parameter.otherwise):
        known = field.row_of(parameter.otherwise)
        return _Field(_marked(field.row_of, None), known)
    return _Field(_marked(field.row_of, 1.0), (*field.inactive, 0.0))


def _marked(row_of: Callable[[Any], Row], mark: float | None) -> Callable[[Any], Row]:
    """The same rows with one more column that says "searched"; None adds no column."""
    if mark is None:
        return row_of
    return lambda value: (*row_of(value), mark)


def _number(parameter: IntRange | FloatRange) -> _Field:
    place = _scale(parameter.low, parameter.high, parameter.log)
    return _Field(lambda value: (place(value),), (0.5,))


def _choice(parameter: Choice) -> _Field:
    options = parameter.options
    rows = np.eye(len(options)) * _APART
    if len(options) > 2 and all(map(is_number, options)):
        # Numbers in a row: neighbours are alike, and each may still be a case of its own.
        places = np.argsort(np.argsort(options)) / (len(options) - 1)
        rows = np.column_stack([0.5 * rows, places])
    # 1 and 1.0 are the same option, 1 and true are not.
    table = {
        (isinstance(option, bool), option): tuple(map(float, row))
        for option, row in zip(options, rows, strict=True)
    }
    return _Field(lambda value: table[isinstance(value, bool), value], tuple(map(float, rows.mean(axis=0))))


def _subset(parameter: Subset) -> _Field:
    members = parameter.members
    return _Field(
        lambda value: tuple(_APART * (member in value) for member in members),
        (0.5 * _APART,) * len(members),
    )


def _scale(low: float, high: float, log: bool) -> Callable[[float], float]:
    """From a range to [0, 1]; a range without width gives 0."""
    if high <= low:
        return lambda value: 0.0
    if log:
        width = math.log(high / low)
        return lambda value: math.log(value / low) / width
    return lambda value: (value - low) / (high - low)
