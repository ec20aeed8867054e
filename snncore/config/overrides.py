"""Parses `--set KEY=VALUE`, for all commands that have it. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from snncore.errors import UserError
from spikefront.errors import FileMistakesError
from spikefront.text import cut
from spikefront.yaml_file import parse_yaml

_KEY = re.compile(r"[^.\s=]+(\.[^.\s=]+)*")


def parse_overrides(settings: Sequence[str]) -> dict[str, Any]:
    """Dotted keys and values of `KEY=VALUE` texts; a value is YAML 1.2, so `1e-3` is a number.

    Raises:
        UserError: a text has no key, or its value is not valid YAML.
    """
    overrides: dict[str, Any] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not _KEY.fullmatch(key.strip()) or not equals:
            raise UserError(f"--set: got {cut(text)!r}, allowed: KEY=VALUE, such as optim.epochs=2")
        try:
            overrides[key.strip()] = parse_yaml(value, "value")
        except FileMistakesError as error:
            mistakes = "; ".join(mistake.message for mistake in error.mistakes)
            raise UserError(f"--set: the value of {cut(text)!r} is not YAML: {mistakes}") from error
    return overrides
