"""From a YAML file or a mapping to a checked config, or all mistakes in it. Imports no torch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from snncore.config.presets import PRESETS, merged
from snncore.config.rules import rule_problems
from snncore.config.schema import ADDED_LATER, Config, field_names
from snncore.errors import ConfigError, Problem, UserError
from spikefront.errors import FileMistakesError
from spikefront.text import cut, printable
from spikefront.yaml_file import read_yaml


def config_problems(values: Mapping[str, Any]) -> list[Problem]:
    """Every mistake in a nested mapping: types, bounds, unknown keys, and combinations that cannot run."""
    try:
        make_config(values)
    except ConfigError as error:
        return error.problems
    return []


def make_config(values: Mapping[str, Any], source: str = "config") -> Config:
    """The checked config of a nested mapping.

    Raises:
        ConfigError: with every mistake that `config_problems` finds.
    """
    try:
        config = parse_config(values)
    except ValidationError as error:
        raise ConfigError([_as_problem(entry) for entry in error.errors()], source) from error
    problems = rule_problems(config)
    if problems:
        raise ConfigError(problems, source)
    return config


def parse_config(values: Mapping[str, Any]) -> Config:
    """The config of a nested mapping, over the preset that it names; rules between fields are not checked.

    Raises:
        pydantic.ValidationError: a wrong type, a value out of bounds, an unknown key.
    """
    return Config.model_validate(over_preset(values))


def over_preset(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The preset that `values` name, updated with `values` section by section; `values` if they name none.

    Complete values, as in records of trials and exported configs, are returned unchanged too: there the
    preset only says where they came from, and its content in this version must not matter. An unknown preset
    is left for the check of the config to report.
    """
    name = values.get("preset")
    if not isinstance(name, str) or name not in PRESETS or _is_complete(values):
        return values
    return merged(PRESETS[name], values)


def _is_complete(values: Mapping[str, Any]) -> bool:
    """Whether every field is there, except those that earlier versions did not have."""
    if "origin" not in values:  # nearly always decides it
        return False
    written = field_names()
    for name in written:
        section, _, field = name.rpartition(".")
        inside = values.get(section) if section else values
        if name not in ADDED_LATER and not (isinstance(inside, Mapping) and field in inside):
            return False
    return True


def load_config(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a config file (YAML 1.2) and set dotted `overrides` in it.

    Raises:
        UserError: the file is missing or cannot be read (see `spikefront.yaml_file`), is not a mapping, or is
            a space.
        ConfigError: its content is not a valid config.
    """
    try:
        values = read_yaml(path)
    except FileMistakesError as error:
        raise UserError(str(error)) from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config is a mapping of fields, got {type(values).__name__}")
    if "search" in values or "objectives" in values:
        command = f"python -m search.run --space {shlex.quote(str(path))}"
        raise UserError(f"{path}: this is a space; {command} searches it")
    for key, value in (overrides or {}).items():
        set_field(values, key, value)
    return make_config(values, str(path))


def set_field(values: dict[str, Any], key: str, value: Any) -> None:
    """Set the dotted `key` of a nested dict; missing sections are created.

    Raises:
        UserError: a part of the key is a value, not a section.
    """
    *sections, name = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise UserError(f"{key}: {section} is a value, not a section")
    values[name] = value


def _as_problem(entry: Any) -> Problem:
    key = printable(cut(".".join(str(part) for part in entry["loc"]), 200))
    if entry["type"] == "extra_forbidden":
        near = get_close_matches(key, field_names(), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "see docs/snncore.md for the fields"
        return Problem(key, f"unknown key; {hint}")
    allowed = entry["msg"].removeprefix("Input should be ")
    if entry["type"] == "model_type":
        allowed = "a mapping of fields"
    near = []
    if entry["type"] == "literal_error":
        options = re.findall("'([^']+)'", entry["ctx"]["expected"])
        near = get_close_matches(str(entry["input"]), options, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return Problem(key, f"got {cut(repr(entry['input']), 200)}, allowed: {allowed}{hint}")
