"""Typed Parquet columns from the values of many trials, of which some have none.

A column is the union over all trials: a trial that lacks the value has a null cell. Types are plain
(int64, float64, bool, string, list of float64), so that any Parquet reader understands them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from studies.errors import StudyError

ABSENT: Any = object()
"""Marks a trial without the value; None itself is a legal parameter (`choice: [null, 2.0]`)."""

INT64 = range(-(2**63), 2**63)
FLOATS = pa.list_(pa.float64())
_PLAIN = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


def union(mappings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """For each key of any mapping its value in every mapping, ABSENT where missing; keys as first met."""
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    return {name: [mapping.get(name, ABSENT) for mapping in mappings] for name in names}


def array(name: str, values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An Arrow array of the values, null where None; `name` is for the message only.

    Raises:
        StudyError: a value does not fit the type.
    """
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise StudyError(f"column {name}: {error}") from error


def param_array(name: str, values: Sequence[Any]) -> tuple[pa.Array, bool]:
    """The column of one parameter, and whether its cells are JSON texts.

    One type throughout (bool, int, float or str) gives a column of that type. Mixed types, None, lists
    and integers beyond 64 bits fall back to a string column of JSON, so that each value is read back
    exactly as it was.

    Raises:
        StudyError: a value that JSON cannot hold.
    """
    kinds = {type(value) for value in values if value is not ABSENT}
    is_plain = len(kinds) == 1 and kinds <= _PLAIN.keys()
    if is_plain and not (kinds == {int} and _overflows(values)):
        cells = [None if value is ABSENT else value for value in values]
        return array(name, cells, _PLAIN[kinds.pop()]), False
    cells = [None if value is ABSENT else to_json(value, name) for value in values]
    return array(name, cells, pa.string()), True


def metric_array(name: str, values: Sequence[Any]) -> pa.Array:
    """The column of one metric: bool, int64, float64 or a list of float64.

    A metric that is an int in one trial and a float (or a bool) in another becomes float64, as do integers
    beyond 64 bits; lists always hold float64.

    Raises:
        StudyError: a value that is neither number, boolean nor list of numbers, or lists mixed with these.
    """
    present = [value for value in values if value is not ABSENT]
    if all(isinstance(value, list | tuple) for value in present):
        lists = [None if value is ABSENT else _floats(name, value) for value in values]
        return array(name, lists, FLOATS)
    wrong = [value for value in present if not isinstance(value, bool | int | float)]
    if wrong:
        got = "null" if wrong[0] is None else type(wrong[0]).__name__
        raise StudyError(f"{name}: got {got}, allowed: numbers, booleans, or lists of numbers, one of these")
    cells = [None if value is ABSENT else value for value in values]
    if all(isinstance(value, bool) for value in present):
        return array(name, cells, pa.bool_())
    if all(type(value) is int for value in present) and not _overflows(values):
        return array(name, cells, pa.int64())
    return array(name, [None if cell is None else float(cell) for cell in cells], pa.float64())


def to_json(value: Any, name: str) -> str:
    """The value as JSON (NaN and infinities in Python's spelling).

    Raises:
        StudyError: it holds something JSON cannot; `name` tells where.
    """
    try:
        return json.dumps(value, default=_as_dict)
    except (TypeError, ValueError) as error:
        raise StudyError(f"{name}: {error}") from error


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _overflows(values: Sequence[Any]) -> bool:
    return any(type(value) is int and value not in INT64 for value in values)


def _floats(name: str, values: Sequence[Any]) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise StudyError(f"{name}: a list metric holds numbers only: {error}") from error
