"""`--set KEY=VALUE`, as every command that takes a config reads it. Knows no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from snncore.errors import UserError


def parse_overrides(settings: Sequence[str]) -> dict[str, Any]:
    """Dotted keys and values of `KEY=VALUE` texts; a value is YAML 1.2, so `1e-3` is a number.

    Raises:
        UserError: a text has no key, or its value is not YAML.
    """
    overrides: dict[str, Any] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not key.strip() or not equals:
            raise UserError(f"--set: got {text!r}, allowed: KEY=VALUE, such as optim.epochs=2")
        try:
            overrides[key.strip()] = YAML(typ="safe", pure=True).load(value)
        except YAMLError as error:
            raise UserError(f"--set: the value of {text!r} is not YAML: {error}") from error
    return overrides
