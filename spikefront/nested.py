"""Dotted keys in nested mappings of plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def copied(value: Any) -> Any:
    """A deep copy of plain YAML values, tuples as lists."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copied(item) for item in value]
    return value


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a nested mapping by dotted key, in order; an empty mapping inside has none."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def get(values: Mapping[str, Any], key: str, missing: Any = None) -> Any:
    """The value at a dotted key; `missing` where the path ends early."""
    inner: Any = values
    for part in key.split("."):
        if not isinstance(inner, Mapping) or part not in inner:
            return missing
        inner = inner[part]
    return inner


def put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in place, creating sections; a value where a section is needed is replaced."""
    *sections, name = key.split(".")
    for section in sections:
        inner = values.get(section)
        if not isinstance(inner, dict):
            inner = values[section] = {}
        values = inner
    values[name] = value


def remove(values: dict[str, Any], key: str) -> None:
    """Remove a dotted key in place, or the value where one of its sections should be, if there is any."""
    *sections, name = key.split(".")
    for section in sections:
        inner = values.get(section)
        if not isinstance(inner, dict):
            values.pop(section, None)
            return
        values = inner
    values.pop(name, None)
