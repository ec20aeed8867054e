"""Mistakes of a space file, and the helpers that word them."""

from __future__ import annotations

from spikefront.errors import FileMistakesError, Mistake
from spikefront.text import cut, did_you_mean, dotted, flow, nearest, shown

__all__ = [
    "Mistake",
    "SpaceError",
    "cut",
    "did_you_mean",
    "dotted",
    "flow",
    "nearest",
    "shown",
]


class SpaceError(FileMistakesError):
    """A space that cannot be searched. `mistakes` holds all of them, in the order of the file."""
