"""The params of a study: the searched fields of its space, and each trial's setting of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reports.format.quantities import number_text
from studies.model import Study, Trial

Setting = float | int | str | None
"""A number, the text of a category, or None where the param is inactive."""


@dataclass(frozen=True)
class Param:
    """One searched field.

    kind: numbers keep their value; categories are texts.
    options: a category's texts in the order of the space, then others that trials have, sorted.
    label: the last part of the field's name, or the whole name where that is not unique.
    """

    name: str
    label: str
    kind: Literal["number", "category"]
    is_log: bool = False
    options: tuple[str, ...] = ()


def searched_params(study: Study) -> list[Param]:
    """All searched params in the order of the space file, then those that only the trials name."""
    search = study.info.space.get("search") or {}
    names = [str(name) for name in search]
    for trial in study.trials:
        names += [field for field in map(_field, trial.params) if field not in names]
    last_parts = [name.rsplit(".", 1)[-1] for name in names]
    return [
        _param(study, name, last if last_parts.count(last) == 1 else name, search.get(name))
        for name, last in zip(names, last_parts, strict=True)
    ]


def setting(trial: Trial, param: Param) -> Setting:
    """The trial's setting of the param; None where the param was inactive.

    A subset that was searched as one boolean for each member ("field[member]") is joined again.
    """
    if param.name in trial.params:
        value = trial.params[param.name]
        return value if param.kind == "number" else category_text(value)
    members = {name: on for name, on in trial.params.items() if _field(name) == param.name}
    if not members:
        return None
    return category_text(",".join(_member(name) for name, on in members.items() if on))


def category_text(value: Any) -> str:
    """A category as text, as YAML would write it; the empty subset is "(empty)"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        value = ",".join(str(item) for item in value)
    return str(value) or "(empty)"


def setting_text(value: Setting) -> str:
    """A setting for people: numbers with three digits, "–" where the param is inactive."""
    return value if isinstance(value, str) else number_text(value)


def _param(study: Study, name: str, label: str, spec: Any) -> Param:
    if isinstance(spec, Mapping) and ("int" in spec or "float" in spec):
        numbers = [trial.params[name] for trial in study.trials if name in trial.params]
        return Param(name, label, "number", is_log=spec.get("log") is True and all(n > 0 for n in numbers))
    declared = spec.get("choice") if isinstance(spec, Mapping) else None
    values = [trial.params[name] for trial in study.trials if name in trial.params]
    if spec is None and values and all(type(value) in (int, float) for value in values):
        return Param(name, label, "number")
    options = [category_text(value) for value in declared] if isinstance(declared, list) else []
    category = Param(name, label, "category")
    met = {setting(trial, category) for trial in study.trials} - {None} - set(options)
    return Param(name, label, "category", options=(*options, *sorted(map(str, met), key=_natural)))


def _natural(text: str) -> tuple[bool, float, int, str]:
    """Sorts numbers by value, then other texts by length and letters: 2, 10, (empty), 1,3."""
    try:
        return (False, float(text), 0, text)
    except ValueError:
        return (True, 0.0, len(text), text)


def _field(param: str) -> str:
    return param.split("[", 1)[0]


def _member(param: str) -> str:
    return param.split("[", 1)[1].removesuffix("]")
