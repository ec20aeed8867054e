"""Spans of time in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A length of time in its two largest units: "6 min 12 s", "3 h 5 min"."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
