"""What to add to a space that can sample a config that cannot be trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from spaces.condition import Condition, same
from spaces.errors import flow
from spaces.parameter import Parameter
from spaces.space import Space
from spaces.walk import with_causes


@dataclass(frozen=True)
class Row:
    """One combination: the values of the fields searched in it, and what the trainer says to it."""

    values: Mapping[str, Any]
    problems: list[tuple[str, str]]

    def message(self, key: str) -> str | None:
        """The first problem of a key."""
        return next((text for where, text in self.problems if where == key), None)


def advice(space: Space, rows: list[Row], names: tuple[str, ...], key: str) -> str:
    """How to mend the combinations of `names` that bring a problem of `key`.

    For two fields the `when` that keeps most of what can be trained, tried on the rows; else a hint.
    """
    if key in space.search and key not in names and space.search[key].when:
        return f"{key} is not searched there: widen its `when`, or give it an `otherwise`"
    if len(names) == 1:
        return "remove the value, or set what it needs in base"
    mended = [
        (n_kept, target, parameter)
        for target, other in permutations(names, 2)
        if len(names) == 2 and (found := _mended(space, rows, (target, other), key))
        for n_kept, parameter in [found]
    ]
    if mended:
        _, target, parameter = max(mended, key=lambda entry: entry[0])
        return f"write for example `{target}: {flow(parameter.as_dict())}`"
    return f"add a `when` to one of {', '.join(names)}"


def _mended(space: Space, rows: list[Row], pair: tuple[str, str], key: str) -> tuple[int, Parameter] | None:
    """The first field of the pair with a `when` on the second, and how many of the rows that leaves."""
    target, other = pair
    if space.search[target].when or target in with_causes(space, [other]):
        return None
    relevant = [row for row in rows if target in row.values and other in row.values]
    refused = _distinct([row.values[other] for row in relevant if row.message(key)])
    seen = _distinct([row.values[other] for row in relevant])
    allowed = [value for value in seen if not _is_in(value, refused)]
    if not allowed or len(seen) != space.search[other].n_values:
        return None
    hard = [row for row in relevant if _is_in(row.values[other], refused)]
    for value in _distinct([row.values[target] for row in relevant]):
        kept = [row for row in hard if same(row.values[target], value)]
        if not any(row.message(key) for row in kept):
            condition = Condition(tuple(allowed))
            if len(refused) < len(allowed):
                condition = Condition(tuple(refused), is_negated=True)
            mended = replace(space.search[target], when={other: condition}, otherwise=value)
            return len(relevant) - len(hard) + len(kept), mended
    return None


def _distinct(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not _is_in(value, found):
            found.append(value)
    return found


def _is_in(value: Any, values: list[Any]) -> bool:
    return any(same(value, other) for other in values)
