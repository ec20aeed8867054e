"""Which values cause the problem when some combinations of a space cannot be trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

from spaces.condition import identity
from spaces.errors import flow

MAX_COMPARED = 500_000  # for each key and size less than a tenth of a second
MAX_SIZE = 3
Fields = tuple[str, ...]
Columns = dict[str, list[int]]
_Code = tuple[int, ...]
_ABSENT = -1


@dataclass(frozen=True)
class Row:
    """One combination: the values of the fields searched in it, and the trainer's problems with it."""

    values: Mapping[str, Any]
    problems: list[tuple[str, str]]

    def message(self, key: str) -> str | None:
        """The first problem of a key."""
        return next((text for where, text in self.problems if where == key), None) if self.problems else None


@dataclass(frozen=True)
class Culprit:
    """Values that always cause a problem, and the message of one combination that has them."""

    values: Mapping[str, Any]
    message: str

    def __str__(self) -> str:
        return " with ".join(f"{name}: {flow(value)}" for name, value in self.values.items())


class Table:
    """Combinations as columns of small numbers, one number for each value of a field.

    rule_fields: the fields that are compared if there are too many to compare them all.
    """

    def __init__(self, rows: Sequence[Row], rule_fields: Collection[str]) -> None:
        self.rows = rows
        self._rule_fields = rule_fields
        self._fine: dict[str, Columns] = {}
        self._values: dict[str, list[Any]] = {}
        self._columns: Columns = {}
        for name in dict.fromkeys(name for row in rows for name in row.values):
            self._values[name] = []
            codes: dict[Hashable, int] = {}
            self._columns[name] = [self._code(name, row.values, codes) for row in rows]

    def n_values(self, name: str) -> int:
        """How many values of a field there are in the table."""
        return len(self._values[name])

    def fine(self, key: str, fields: Fields) -> Counter[tuple[Hashable, ...]]:
        """How many combinations have no problem of `key`, for the identities of the values of `fields`."""
        columns = self._fine_part(key)
        marks = {name: list(map(identity, self._values[name])) for name in fields}
        return Counter(
            {
                tuple(marks[name][number] for name, number in zip(fields, code, strict=True)): n_rows
                for code, n_rows in Counter(_together(columns, fields)).items()
                if _ABSENT not in code
            }
        )

    def culprits(self, key: str) -> dict[Fields, list[Culprit]]:
        """The smallest sets of values that always cause a problem of `key`: of one field, two, three or all.

        Among sets of the same size, those of the fields that explain most combinations come first; explained
        combinations are not used for further sets. Empty if every combination has such a problem.
        """
        messages = [row.message(key) for row in self.rows]
        unexplained = {index for index, message in enumerate(messages) if message is not None}
        fine = self._fine_part(key)
        by_fields: dict[Fields, dict[_Code, int]] = {}
        if len(unexplained) == len(messages):
            return {}
        for size in range(1, MAX_SIZE + 1):
            guilty = self._guilty(size, fine, sorted(unexplained)) if unexplained else {}
            while guilty:
                fields = max(guilty, key=lambda f: (len(unexplained.intersection(guilty[f])), key in f))
                covered = {i: code for i, code in guilty.pop(fields).items() if i in unexplained}
                for index, code in covered.items():
                    by_fields.setdefault(fields, {}).setdefault(code, index)
                unexplained.difference_update(covered)
        for index in sorted(unexplained):
            fields = tuple(self.rows[index].values)
            by_fields.setdefault(fields, {})[tuple(self._columns[name][index] for name in fields)] = index
        return {
            fields: [self._culprit(fields, code, messages[index] or "") for code, index in codes.items()]
            for fields, codes in by_fields.items()
        }

    def _code(self, name: str, values: Mapping[str, Any], codes: dict[Hashable, int]) -> int:
        if name not in values:
            return _ABSENT
        mark = identity(values[name])
        if mark not in codes:
            codes[mark] = len(codes)
            self._values[name].append(values[name])
        return codes[mark]

    def _guilty(self, size: int, fine: Columns, bad: list[int]) -> dict[Fields, dict[int, _Code]]:
        """For each set of `size` fields, the bad rows with values of these fields that no fine row has."""
        names = list(self._columns)
        if comb(len(names), size) * len(self.rows) > MAX_COMPARED:
            names = [name for name in names if name in self._rule_fields]
        columns = self._part(bad)
        guilty = {}
        for fields in combinations(names, size):
            codes = _together(columns, fields)
            always = {code for code in set(codes).difference(_together(fine, fields)) if _ABSENT not in code}
            if always:
                pairs = zip(bad, codes, strict=True)
                guilty[fields] = {index: code for index, code in pairs if code in always}
        return guilty

    def _fine_part(self, key: str) -> Columns:
        """The columns, with the rows alone that have no problem of `key`."""
        if key not in self._fine:
            rows = [index for index, row in enumerate(self.rows) if row.message(key) is None]
            self._fine[key] = self._part(rows)
        return self._fine[key]

    def _part(self, rows: list[int]) -> Columns:
        """The columns, with these rows alone."""
        return {name: [column[row] for row in rows] for name, column in self._columns.items()}

    def _culprit(self, fields: Fields, code: _Code, message: str) -> Culprit:
        values = {name: self._values[name][number] for name, number in zip(fields, code, strict=True)}
        return Culprit(values, message)


def _together(columns: Columns, fields: Fields) -> list[_Code]:
    return list(zip(*(columns[name] for name in fields), strict=True))
