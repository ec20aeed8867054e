"""Reads small JSON files that may hold anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spikefront.errors import FileMistakesError, Mistake
from spikefront.files import read_text

MAX_BYTES = 8 * 2**20


def read_json(path: str | Path, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The object in a small JSON file.

    Raises:
        FileMistakesError: it cannot be read (see `files.read_text`), is not JSON, or is no object.
    """
    return parse_json(read_text(path, max_bytes), str(path))


def parse_json(text: str | bytes, source: str) -> dict[str, Any]:
    """As `read_json`, for a text; messages call it `source`.

    Raises:
        FileMistakesError: it is not JSON, holds an integer that no float can hold, or is no object.
    """
    try:
        value = json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError) as error:  # thousands of digits, thousands of brackets
        line = getattr(error, "lineno", None)
        raise FileMistakesError([Mistake("", f"not valid JSON: {error}", line)], source) from error
    if not isinstance(value, dict):
        raise FileMistakesError([Mistake("", f"not a JSON object, but {type(value).__name__}", None)], source)
    return value


def _integer(digits: str) -> int:
    value = int(digits)
    try:
        float(value)
    except OverflowError as error:
        raise ValueError(f"an integer of {len(digits)} digits") from error
    return value
