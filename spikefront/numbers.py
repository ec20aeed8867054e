"""Whether a value is a number; and numbers of a command line, as `type=` of argparse."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any, TypeGuard

from spikefront.text import cut

_MAX_DIGITS = 18
"""So many always fit into 64 bits; for thousands of digits Python raises an error of its own."""


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a number, NaN and infinity included; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number; true and false are not."""
    return is_number(value) and math.isfinite(value)


def whole(lowest: int | None = None, highest: int | None = None) -> Callable[[str], int]:
    """Reads a whole number between two bounds, at most of 18 digits; an error names what is allowed."""
    least = "of at most 18 digits" if lowest is None else f"{lowest} or more"
    allowed = least if highest is None else f"{lowest} to {highest}"

    def read(text: str) -> int:
        try:
            value = int(text) if len(text) <= _MAX_DIGITS else None
        except ValueError:
            value = None
        if value is None:
            message = f"got {cut(text)!r}, allowed: a whole number, {allowed}"
            raise argparse.ArgumentTypeError(message)
        if (lowest is not None and value < lowest) or (highest is not None and value > highest):
            raise argparse.ArgumentTypeError(f"got {value}, allowed: {allowed}")
        return value

    return read
