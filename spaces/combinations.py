"""Tries the combinations of the fields that the trainer's rules read, and names the smallest culprits.

A space that can sample a config that cannot be trained is refused before anything runs.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import combinations, islice
from typing import Any

from spaces.advice import Row, advice
from spaces.check import tell_base
from spaces.checker import ConfigChecker
from spaces.cursor import Mistakes
from spaces.errors import cut, flow
from spaces.parameter import Parameter
from spaces.space import Space
from spaces.walk import branches, telling_values, with_causes

MAX_COMBINATIONS = 20_000
MAX_VALUES = 512
MAX_SHOWN = 3
MAX_COMPARED = 4_000_000  # about a second
Pairs = tuple[tuple[str, str], ...]


def check_combinations(
    space: Space, overridden: Collection[str], checker: ConfigChecker, mistakes: Mistakes
) -> None:
    """Note every kind of combination that the space can sample and the trainer cannot run."""
    rows = rows_of(space, checker)
    everywhere = set.intersection(*(set(row.problems) for row in rows)) if rows else set()
    for key, message in sorted(everywhere):
        if key in space.search:
            mistakes.add(("search", key), message)
        else:
            tell_base(key, message, overridden, mistakes)
    for key in sorted({key for row in rows for key, _ in set(row.problems) - everywhere}):
        _tell_key(space, rows, key, checker.rule_fields(), mistakes)


def rows_of(space: Space, checker: ConfigChecker) -> list[Row]:
    """All combinations, or where there are more than MAX_COMBINATIONS a seeded sample of as many."""
    part = deciding(space, checker.rule_fields())
    domains = {name: _domain(part, name, checker.rule_fields()) for name in part.search}
    chosen = list(islice(branches(part, lambda name, _: domains[name]), MAX_COMBINATIONS + 1))
    if len(chosen) > MAX_COMBINATIONS:
        chosen = list(_sample(part, domains))
    return [Row(values, checker.problems(part.config(values, list(values)))) for values in chosen]


def deciding(space: Space, rule_fields: Collection[str]) -> Space:
    """The space of the rule fields and of all that their `when` depends on; the rest stays at the base."""
    needed = with_causes(space, rule_fields)
    return replace(space, search={name: space.search[name] for name in space.search if name in needed})


def _domain(space: Space, name: str, rule_fields: Collection[str]) -> list[Any]:
    """The values to try: all of a rule field's; of another's one for each way it decides a `when`."""
    parameter = space.search[name]
    telling = telling_values(space, name)
    if name not in rule_fields:
        return telling
    values = list(islice(parameter.values(), MAX_VALUES))
    ends = [value for _, value in parameter.probes()] if len(values) == MAX_VALUES else []
    return values + [value for value in telling + ends if value not in values]


def _sample(space: Space, domains: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    generator = random.Random(0)

    def decide(name: str, _: Parameter) -> Any:
        return generator.choice(domains[name])

    for _ in range(MAX_COMBINATIONS):
        values, active = space.follow(decide)
        yield {name: values[name] for name in active}


def _tell_key(
    space: Space, rows: list[Row], key: str, rule_fields: Collection[str], mistakes: Mistakes
) -> None:
    """Note the culprits behind the problems of one key, one mistake for each set of fields involved."""
    groups: dict[tuple[str, ...], dict[Pairs, str]] = {}
    for pairs, message in _culprits(rows, key, rule_fields).items():
        groups.setdefault(tuple(name for name, _ in pairs), {})[pairs] = message
    for names, found in groups.items():
        shown = [cut(" with ".join(f"{name}: {value}" for name, value in pairs), 300) for pairs in found]
        more = f" (and {len(shown) - MAX_SHOWN} more)" if len(shown) > MAX_SHOWN else ""
        message = (
            f"can sample what cannot be trained: {'; '.join(shown[:MAX_SHOWN])}{more}: "
            f"{next(iter(found.values()))}; {advice(space, rows, names, key)}"
        )
        mistakes.add(("search", key if key in names else names[-1]), message)


def _culprits(rows: list[Row], key: str, rule_fields: Collection[str]) -> dict[Pairs, str]:
    """The smallest sets of values that always bring a problem of `key`: of one field, of two, or a whole row.

    Each with the message of one of its rows.
    """
    written = [{name: flow(value) for name, value in row.values.items()} for row in rows]
    fine = [values for values, row in zip(written, rows, strict=True) if row.message(key) is None]
    unexplained = [
        (values, text) for values, row in zip(written, rows, strict=True) if (text := row.message(key))
    ]
    names = list(dict.fromkeys(name for values in written for name in values))
    culprits: dict[Pairs, str] = {}
    if len(names) ** 2 * len(rows) > MAX_COMPARED:
        names = [name for name in names if name in rule_fields]
    for size in (1, 2):
        for fields in combinations(names, size):
            harmless = {tuple(map(values.get, fields)) for values in fine}
            for values, text in unexplained:
                if values.keys() >= set(fields) and tuple(map(values.get, fields)) not in harmless:
                    culprits.setdefault(tuple((field, values[field]) for field in fields), text)
        found = [dict(pairs).items() for pairs in culprits]
        unexplained = [
            (values, text) for values, text in unexplained if not any(values.items() >= f for f in found)
        ]
    return culprits | {tuple(values.items()): text for values, text in unexplained}
