"""Text for messages: values as YAML, cut if long, without characters that a terminal would act on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from typing import Any

_MAX_SHOWN = 80
_MAX_GUESSED = 80
_MANY_DIGITS = 1e15
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_PLAIN = frozenset({"true", "false", "null"})


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest known word; "" if none is near."""
    near = nearest(word, known)
    return "" if near is None else f"; did you mean {near!r}?"


def nearest(word: Any, known: Iterable[str]) -> str | None:
    """The known word most similar to `word`, or None; also None if `word` is long or no text."""
    if not isinstance(word, str) or len(word) > _MAX_GUESSED:
        return None
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def shown(value: Any) -> str:
    """A value as in YAML, on one line, cut if long, with control characters escaped."""
    return cut(flow(value))


def printable(text: str) -> str:
    """`text` on one line, with an escape for each character that a terminal would act on or cannot show."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def cut(text: str, length: int = _MAX_SHOWN) -> str:
    """`text`, cut with an ellipsis if it is longer than `length`."""
    return text if len(text) <= length else text[: length - 1] + "…"


def first_line(error: BaseException, length: int = 300) -> str:
    """The first line of an error's message, cut; its class where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0][:length] if lines else type(error).__name__


def duration(seconds: float) -> str:
    """A length of time in its two largest units: "6 min 12 s", "3 h 5 min"."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def flow(value: Any) -> str:
    """A plain value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return value
    if isinstance(value, str):  # JSON is YAML 1.2, and so are the escapes of `printable`
        return printable(json.dumps(value, ensure_ascii=False))
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def dotted(path: Sequence[str | int]) -> str:
    """("search", "T", "int", 0) as `search.T.int[0]`; unprintable keys are escaped."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = printable(part) or '""'
            text += f".{cut(name)}" if text else cut(name)
    return text


def decimals(value: float, places: int) -> str:
    """A number with `places` decimals; a tie in its shortest text is rounded away from zero, as in browsers.

    90.625 gives 90.63, where Python's format gives 90.62.
    """
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= _MANY_DIGITS:  # more than Decimal's precision holds
        return f"{value:.3g}"
    exact = Decimal(repr(value) if isinstance(value, int) else repr(float(value)))
    return f"{exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"
