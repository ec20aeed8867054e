"""Conditions between searched fields: reads `when`, checks its names and values, and orders the fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from spaces.condition import UNSET, Condition, same
from spaces.cursor import Cursor, Mistakes, Path
from spaces.errors import did_you_mean, shown
from spaces.parameter import Parameter
from spaces.space import Space
from spikefront.yaml_nodes import plain

Search = Mapping[str, Parameter]


def read_when(cursor: Cursor) -> dict[str, Condition]:
    """The conditions of a `when` that can be read, by field."""
    allowed = "a mapping such as {distillation.mode: [reliable]}"
    conditions = {}
    for name, entry in cursor.entries(allowed).items():
        condition = _read_condition(entry)
        if condition is not None:
            conditions[name] = condition
    if cursor.is_mapping() and not cursor.node.value:
        cursor.fail(f"an empty `when`; allowed: {allowed}")
    return conditions


def _read_condition(cursor: Cursor) -> Condition | None:
    if cursor.is_mapping():
        inner = cursor.fields(["not"], required=["not"])
        condition = _read_condition_list(inner["not"]) if "not" in inner else None
        return None if condition is None else replace(condition, is_negated=True)
    return _read_condition_list(cursor)


def _read_condition_list(cursor: Cursor) -> Condition | None:
    example = "a list of values, or {not: [values]}"
    items = cursor.items(example)
    if not items:
        if isinstance(cursor.node.value, list):
            cursor.refuse(example)
        return None
    return Condition(tuple(plain(item.node) for item in items))


def checked_search(space: Space, names: list[str], bad: Collection[str], mistakes: Mistakes) -> Search:
    """`search` with each field after those that its `when` names, without the conditions with mistakes.

    names: all keys under `search`, also those whose distribution could not be read. bad: fields with invalid
    values; a `when` that uses such a value is not reported as another mistake.
    """
    search = space.search
    checked = {}
    for name, parameter in search.items():
        when = {}
        for other, condition in parameter.when.items():
            path: Path = ("search", name, "when", other)
            if other not in names:
                hint = did_you_mean(other, names) or f"; searched are: {', '.join(names)}"
                mistakes.add(path, f"{shown(other)} is not searched, so no `when` can depend on it{hint}")
            elif other in search and (other in bad or _check_values(space, path, condition, mistakes)):
                when[other] = condition
        checked[name] = replace(parameter, when=when)
    return _in_order(checked, mistakes)


def _check_values(space: Space, path: Path, condition: Condition, mistakes: Mistakes) -> bool:
    """Whether the parameter at the end of `path` can take all values of the condition; notes the others."""
    other = str(path[-1])
    parameter = space.search[other]
    if parameter.n_values is None:
        mistakes.add(path, f"{other} is continuous and meets a value by chance only; give it a step")
        return False
    elsewhere = space.inactive_value(other)
    possible = True
    for index, value in enumerate(condition.values):
        if parameter.contains(value) or (
            parameter.when and elsewhere is not UNSET and same(value, elsewhere)
        ):
            continue
        place: Path = (*path, "not", index) if condition.is_negated else (*path, index)
        options = getattr(parameter, "options", ())
        hint = did_you_mean(value, [option for option in options if isinstance(option, str)])
        allowed = shown(parameter.distribution())
        mistakes.add(place, f"got {shown(value)}, which {other} never is; it is {allowed}{hint}")
        possible = False
    return possible


def _in_order(search: Search, mistakes: Mistakes) -> Search:
    """The order of the file, except that fields named by a `when` are moved before it.

    A circle is noted at the condition that closes it; that condition is dropped, so that an order exists.
    """
    ordered: dict[str, Parameter] = {}
    cut: set[tuple[str, str]] = set()
    for name in search:
        for circle in _place(name, search, ordered, []):
            closing = (circle[-2], circle[-1])
            cut.add(closing)
            way = " → ".join(circle if len(circle) <= 8 else [*circle[:4], "…", *circle[-3:]])
            mistakes.add(("search", closing[0], "when", closing[1]), f"a circle: {way}")
    return {
        name: replace(p, when={other: c for other, c in p.when.items() if (name, other) not in cut})
        for name, p in ordered.items()
    }


def _place(name: str, search: Search, ordered: dict[str, Parameter], above: list[str]) -> Iterator[list[str]]:
    """Add a parameter to `ordered` after those it depends on; yields each circle found, as a path."""
    if name in above:
        yield [*above[above.index(name) :], name]
    elif name not in ordered:
        for other in search[name].when:
            yield from _place(other, search, ordered, [*above, name])
        ordered[name] = search[name]
