"""A checker that knows a small made-up trainer, and ways to load a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from search.checker import TrainerChecker
from spaces import ConfigChecker, Mistake, Space, SpaceError, load_space
from spikefront.nested import get

TRAINER = TrainerChecker()
Problems = list[tuple[str, str]]
FIELDS = ("a", "b", "c", "s.a", "s.b", "s.c", "s.deep.a", "s.deep.b")


class FakeChecker:
    """Takes every value in FIELDS, except the text `bad`; `rules` judges combinations."""

    def __init__(self, rules: Callable[[Mapping[str, Any]], Problems] | None = None) -> None:
        self._rules = rules
        self.n_asked = 0

    def field_names(self) -> Sequence[str]:
        return FIELDS

    def problems(self, config: Mapping[str, Any]) -> Problems:
        self.n_asked += 1
        problems = self.value_problems(config)
        return problems if problems or self._rules is None else self._rules(config)

    def value_problems(self, config: Mapping[str, Any]) -> Problems:
        leaves = set(_leaves(config))
        unknown = [(key, "unknown key") for key in sorted(leaves - set(FIELDS))]
        return unknown + [(key, "got 'bad', allowed: 'good'") for key in FIELDS if get(config, key) == "bad"]

    def rule_fields(self) -> Sequence[str]:
        return () if self._rules is None else ("a", "b", "c", "s.a")

    def metrics(self) -> Mapping[str, str | None]:
        return {"accuracy": "maximize", "cost": "minimize", "rate": None}

    def planned_metrics(self) -> Mapping[str, str]:
        return {"energy": "nobody counts it yet"}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    leaves = []
    for key, value in values.items():
        is_section = isinstance(value, Mapping) and any(name.startswith(f"{prefix}{key}.") for name in FIELDS)
        leaves += _leaves(value, f"{prefix}{key}.") if is_section else [prefix + key]
    return leaves


def load(
    folder: Path, text: str, checker: ConfigChecker = TRAINER, overrides: Mapping[str, Any] | None = None
) -> Space:
    """The space of a text, without the notes."""
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return load_space(str(path), checker, overrides)[0]


def mistakes_in(
    folder: Path, text: str, checker: ConfigChecker = TRAINER, overrides: Mapping[str, Any] | None = None
) -> list[Mistake]:
    """The mistakes of a text; none when it loads."""
    try:
        load(folder, text, checker, overrides)
    except SpaceError as error:
        return error.mistakes
    return []


def written(space: Space, path: Path) -> Path:
    """A space's file."""
    write_yaml(space.as_dict(), path)
    return path


def write_yaml(value: Any, path: Path) -> None:
    """Write plain values in block style; ruamel's flow style cannot read back a key such as `:0`."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(value, file)
