"""Advice for a space that can sample configs that cannot be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from spaces.condition import Condition, identity
from spaces.culprits import Culprit, Fields, Table
from spaces.errors import flow
from spaces.parameter import Parameter
from spaces.ranges import FloatRange, IntRange
from spaces.space import Space
from spaces.walk import with_causes


def advice(space: Space, table: Table, names: Fields, culprits: Sequence[Culprit], key: str) -> str:
    """How to fix the combinations of `names` that cause a problem of `key`.

    For two fields the `when` that keeps most trainable combinations of the table; else a hint.
    """
    if key in space.search and key not in names and space.search[key].when:
        return f"{key} is not searched there: widen its `when`, or give it an `otherwise`"
    if len(names) == 1:
        return "remove the value, or set what it needs in base"
    if all(isinstance(space.search[name], IntRange | FloatRange) for name in names):
        return f"narrow the range of one of {', '.join(names)}, or add a `when` to it"
    repairs = [
        (n_kept, target, parameter)
        for target, other in permutations(names, 2)
        if len(names) == 2 and (repair := _with_when(space, table, (target, other), culprits, key))
        for n_kept, parameter in [repair]
    ]
    if repairs:
        _, target, parameter = max(repairs, key=lambda entry: entry[0])
        return f"write for example `{target}: {flow(parameter.as_dict())}`"
    return f"add a `when` to one of {', '.join(names)}"


def _with_when(
    space: Space, table: Table, pair: tuple[str, str], culprits: Sequence[Culprit], key: str
) -> tuple[int, Parameter] | None:
    """The first field of the pair with a `when` on the second, and how many combinations it keeps."""
    target, other = pair
    if space.search[target].when or target in with_causes(space, [other]):
        return None
    if table.n_values(other) != space.search[other].n_values:
        return None
    refused = {identity(culprit.values[other]): culprit.values[other] for culprit in culprits}
    allowed = [value for value in space.search[other].values() if identity(value) not in refused]
    if not allowed:
        return None
    condition = Condition(tuple(allowed))
    if len(refused) < len(allowed):
        condition = Condition(tuple(refused.values()), is_negated=True)
    fine = table.fine(key, pair)
    n_elsewhere = sum(n_rows for (_, mark), n_rows in fine.items() if mark not in refused)
    for value in (
        space.search[target].values() if table.n_values(target) == space.search[target].n_values else ()
    ):
        kept = [fine[identity(value), mark] for mark in refused]
        if all(kept):
            repaired = replace(space.search[target], when={other: condition}, otherwise=value)
            return n_elsewhere + sum(kept), repaired
    return None
