"""Settings of the command line, `--set KEY=VALUE`, applied to a space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spaces.check import field_mistake
from spaces.checker import ConfigChecker
from spaces.condition import UNSET
from spaces.cursor import Mistakes
from spaces.errors import Mistake, shown
from spaces.parameter import Parameter
from spaces.space import Space
from spikefront.nested import copied, put


def with_overrides(
    space: Space, overrides: Mapping[str, Any], checker: ConfigChecker, mistakes: Mistakes
) -> tuple[Space, list[str]]:
    """The space with `overrides` in its base, and a note for each field that this removes from the search.

    A parameter whose `when` names such a field keeps the rest of its `when` if the condition holds; if not,
    it is removed from the search with its inactive value.
    """
    base = copied(space.base)
    for key, value in overrides.items():
        message = field_mistake(key, checker)
        if message:
            mistakes.tell(Mistake(f"--set {shown(key)}", message, None))
        else:
            put(base, key, copied(value))
    fixed: dict[str, Any] = {}
    search: dict[str, Parameter] = {}
    notes = []
    for name, parameter in space.search.items():
        failing = [
            other
            for other, condition in parameter.when.items()
            if other in fixed and not condition.holds(fixed[other])
        ]
        if name in overrides:
            fixed[name] = overrides[name]
            notes.append(f"{name} is set to {shown(overrides[name])}, so it is not searched")
        elif failing:
            fixed[name] = space.inactive_value(name)
            if parameter.otherwise_is_set:
                put(base, name, copied(parameter.otherwise))
            value = "the trainer's default" if fixed[name] is UNSET else shown(fixed[name])
            notes.append(f"{name} is {value} and not searched, since its `when` on {failing[0]} fails")
        else:
            when = {other: condition for other, condition in parameter.when.items() if other not in fixed}
            search[name] = replace(parameter, when=when, otherwise=parameter.otherwise if when else UNSET)
    return replace(space, base=base, search=search), notes
