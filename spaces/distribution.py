"""Reads the section `search`: for each field its distribution, `when` and `otherwise`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from spaces.cursor import Cursor
from spaces.errors import did_you_mean, shown
from spaces.options import Choice, Subset
from spaces.parameter import Parameter
from spaces.ranges import FloatRange, IntRange, n_steps
from spaces.when import read_when
from spikefront.yaml_nodes import plain

MAX_MEMBERS = 32
MAX_STEPS = 10**9
"""With more steps away from 0, neighbours on the grid could not be distinguished after rounding."""
_EXAMPLE = "a distribution such as {int: [1, 8]}, {float: [0, 1]}, {choice: [a, b]} or {subset: [1, 2]}"


def read_parameter(cursor: Cursor) -> Parameter | None:
    """The parameter at a cursor, or None when its distribution cannot be read."""
    if not cursor.is_mapping():
        cursor.refuse(f"{_EXAMPLE}; a fixed value belongs in base")
        return None
    entries = cursor.entries(_EXAMPLE)
    kinds = [kind for kind in KINDS if kind in entries]
    known = [*KINDS, *_ALL_OPTIONS] if not kinds else [kinds[0], *_OPTIONS[kinds[0]], "when", "otherwise"]
    for key, entry in entries.items():
        if key not in known and key not in kinds:
            entry.fail(f"unknown key; allowed: {', '.join(known)}{did_you_mean(key, known)}")
    if len(kinds) != 1:
        got = f"got {' and '.join(kinds)}" if kinds else "no distribution"
        if kinds or all(key in known for key in entries):
            cursor.fail(f"{got}; allowed: one of {', '.join(KINDS)}")
        return None
    parameter = KINDS[kinds[0]](entries)
    when = read_when(entries["when"]) if "when" in entries else {}
    if parameter is None:
        return None
    if "otherwise" not in entries:
        return replace(parameter, when=when)
    if "when" not in entries:
        entries["otherwise"].fail("`otherwise` says what holds where a `when` fails, and there is no `when`")
    return replace(parameter, when=when, otherwise=plain(entries["otherwise"].node))


def _read_int(entries: Mapping[str, Cursor]) -> Parameter | None:
    bounds = [item.integer() for item in _pair(entries["int"])]
    is_log = _read_flag(entries, "log")
    step = entries["step"].integer(low=1) if "step" in entries else 1
    low, high = bounds or (None, None)
    if low is None or high is None or step is None or not _check_range(entries, low, high, is_log):
        return None
    if (high - low) % step:
        entries["step"].fail(_uneven(low, high, step, high - (high - low) % step))
        return None
    return IntRange(low, high, is_log, step)


def _read_float(entries: Mapping[str, Cursor]) -> Parameter | None:
    bounds = [item.number() for item in _pair(entries["float"])]
    is_log = _read_flag(entries, "log")
    step = entries["step"].number(above=0) if "step" in entries else None
    low, high = bounds or (None, None)
    if low is None or high is None or ("step" in entries and step is None):
        return None
    if not _check_range(entries, low, high, is_log):
        return None
    if not math.isfinite(high - low):
        entries["float"].fail("the range is too wide")
        return None
    return FloatRange(low, high, is_log, step) if _is_even(entries, low, high, step) else None


def _is_even(entries: Mapping[str, Cursor], low: float, high: float, step: float | None) -> bool:
    if step is None:
        return True
    if max(abs(low), abs(high), high - low) / step > MAX_STEPS:
        message = f"got {step!r}, which is too small for the range: its numbers take over {MAX_STEPS:g} steps"
        entries["step"].fail(message)
        return False
    last = float(Decimal(repr(low)) + n_steps(low, high, step) * Decimal(repr(step)))
    if last != high:
        entries["step"].fail(_uneven(low, high, step, last))
    return last == high


def _uneven(low: float, high: float, step: float, last: float) -> str:
    return f"steps of {step!r} from {low!r} do not end at {high!r}; the last one ends at {last!r}"


def _pair(cursor: Cursor) -> list[Cursor]:
    items = cursor.items("a list [low, high]")
    if items and len(items) != 2:
        cursor.refuse("a list [low, high]")
        return []
    if isinstance(cursor.node.value, list) and not items:
        cursor.refuse("a list [low, high]")
    return items


def _check_range(entries: Mapping[str, Cursor], low: float, high: float, is_log: bool) -> bool:
    kind = entries.get("int") or entries["float"]
    if low > high:
        kind.fail(f"low {low!r} is greater than high {high!r}")
        return False
    if is_log and low <= 0:
        entries["log"].fail(f"a logarithmic range must begin above 0, got {low!r}")
        return False
    if is_log and "step" in entries:
        entries["step"].fail("a logarithmic range has no step; remove `log` or `step`")
        return False
    return True


def _read_choice(entries: Mapping[str, Cursor]) -> Parameter | None:
    cursor = entries["choice"]
    items = cursor.items("a list of values")
    if not items:
        if isinstance(cursor.node.value, list):
            cursor.fail("a choice needs at least one value")
        return None
    options: dict[Any, None] = {}  # equal as Python compares: a sampler cannot tell 1, 1.0 and true apart
    for item in items:
        value = item.node.value
        if isinstance(value, list | dict):
            item.refuse("null, true, false, a number or text; lists of integers are searched by `subset`")
        elif isinstance(value, float) and not math.isfinite(value):
            item.refuse("a finite number")
        elif value in options:
            item.fail(f"{shown(value)} equals an option before it")
        else:
            options[value] = None
    return Choice(tuple(options)) if len(options) == len(items) else None


def _read_subset(entries: Mapping[str, Cursor]) -> Parameter | None:
    cursor = entries["subset"]
    items = cursor.items("a list of integers")
    may_be_empty = _read_flag(entries, "empty")
    if not items or len(items) > MAX_MEMBERS:
        if isinstance(cursor.node.value, list):
            cursor.fail(f"a subset is taken from 1 to {MAX_MEMBERS} integers, got {len(items)}")
        return None
    members: list[int] = []
    for item in items:
        member = item.integer()
        if member in members:
            item.fail(f"the member {member} stands here twice")
        elif member is not None:
            members.append(member)
    return Subset(tuple(sorted(members)), may_be_empty) if len(members) == len(items) else None


def _read_flag(entries: Mapping[str, Cursor], name: str) -> bool:
    return bool(entries[name].boolean()) if name in entries else False


KINDS: dict[str, Callable[[Mapping[str, Cursor]], Parameter | None]] = {
    "int": _read_int,
    "float": _read_float,
    "choice": _read_choice,
    "subset": _read_subset,
}
_OPTIONS = {"int": ("log", "step"), "float": ("log", "step"), "choice": (), "subset": ("empty",)}
_ALL_OPTIONS = ("log", "step", "empty", "when", "otherwise")
