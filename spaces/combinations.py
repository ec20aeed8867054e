"""Tries the combinations of the fields that the trainer's rules read, and reports the smallest causes.

A space that can sample a config that cannot be trained is refused before anything runs.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from spaces.advice import advice
from spaces.check import tell_base
from spaces.checker import ConfigChecker
from spaces.culprits import Row, Table
from spaces.cursor import Mistakes
from spaces.errors import cut
from spaces.parameter import Parameter
from spaces.space import Space
from spaces.walk import branches, telling_values, with_causes

MAX_COMBINATIONS = 4_000
MAX_VALUES = 64
MAX_STEPS = 150_000  # fields and conditions looked at, over all combinations: a tenth of a second
MAX_SHOWN = 3


def check_combinations(
    space: Space, overridden: Collection[str], checker: ConfigChecker, mistakes: Mistakes
) -> None:
    """Note the combinations that the space can sample and the trainer cannot run."""
    rows = rows_of(space, checker)
    problems = [set(row.problems) for row in rows]
    everywhere = set.intersection(*problems)
    for key, message in sorted(everywhere):
        _tell_field(space, key, message, overridden, mistakes)
    elsewhere = sorted({key for key, _ in set.union(*problems) - everywhere})
    table = Table(rows, checker.rule_fields()) if elsewhere else None
    for key in elsewhere:
        assert table is not None
        _tell_key(space, table, key, overridden, mistakes)


def _tell_field(
    space: Space, key: str, message: str, overridden: Collection[str], mistakes: Mistakes
) -> None:
    if key in space.search:
        mistakes.add(("search", key), message)
    else:
        tell_base(key, message, overridden, mistakes)


def rows_of(space: Space, checker: ConfigChecker) -> list[Row]:
    """All combinations or, if there are too many, a fixed sample in which every value occurs."""
    part = deciding(space, checker.rule_fields())
    domains = {name: _domain(part, name, checker.rule_fields()) for name in part.search}
    n_steps = sum(1 + len(parameter.when) for parameter in part.search.values())
    n_rows = min(MAX_COMBINATIONS, MAX_STEPS // max(n_steps, 1))
    chosen = list(islice(branches(part, lambda name, _: domains[name]), n_rows + 1))
    if len(chosen) > n_rows:
        chosen = list(_sample(part, domains, n_rows))
    return [Row(values, checker.problems(part.config(values, values))) for values in chosen]


def deciding(space: Space, rule_fields: Collection[str]) -> Space:
    """The space reduced to the rule fields and all fields that their `when` depends on."""
    needed = with_causes(space, rule_fields)
    return replace(space, search={name: space.search[name] for name in space.search if name in needed})


def _domain(space: Space, name: str, rule_fields: Collection[str]) -> list[Any]:
    """The values to try: the representatives of a rule field; of others one for each outcome of a `when`."""
    telling = telling_values(space, name)
    if name not in rule_fields:
        return telling
    values = space.search[name].representatives(MAX_VALUES)
    return values + [value for value in telling if value not in values]


def _sample(space: Space, domains: Mapping[str, list[Any]], n_rows: int) -> Iterator[dict[str, Any]]:
    generator = random.Random(0)
    decks: dict[str, list[Any]] = {name: [] for name in domains}

    def decide(name: str, _: Parameter) -> Any:
        """The next value of a shuffled list: none is repeated before all others have been used."""
        if not decks[name]:
            decks[name] = generator.sample(domains[name], len(domains[name]))
        return decks[name].pop()

    for _ in range(n_rows):
        values, active = space.follow(decide)
        yield {name: values[name] for name in active}


def _tell_key(space: Space, table: Table, key: str, overridden: Collection[str], mistakes: Mistakes) -> None:
    """Note the causes of the problems of one key, one mistake for each set of fields involved."""
    culprits = table.culprits(key)
    if not culprits:
        message = next(message for row in table.rows if (message := row.message(key)) is not None)
        _tell_field(space, key, f"no combination can be trained: {message}", overridden, mistakes)
    for names, same_fields in culprits.items():
        shown = "; ".join(cut(str(culprit), 300) for culprit in same_fields[:MAX_SHOWN])
        more = f" (and {len(same_fields) - MAX_SHOWN} more)" if len(same_fields) > MAX_SHOWN else ""
        message = (
            f"can sample what cannot be trained: {shown}{more}: "
            f"{same_fields[0].message}; {advice(space, table, names, same_fields, key)}"
        )
        mistakes.add(("search", key if key in names else names[-1]), message)
