"""What a section of the page can hold: a figure, or a card that says why there is none.

A figure's `drawing` is a Plotly figure as a dict. Instead of data and colours it holds references, which
`data.js` resolves with the page's one copy of the columns and the palette in use:
    column(...)  numbers of some trials            colour(...)  a colour of the light or dark palette
    curve(...)   epochs of some trials             scale(...)   the palette's weak-to-strong scale
    places(...)  the indices of a group's members
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.html.markup import Html


@dataclass(frozen=True)
class Card:
    """Shown instead of a figure that cannot be made: its title, and a sentence that says why."""

    title: str
    why: str


@dataclass(frozen=True)
class Figure:
    """One figure.

    id: unique on the page, a word of letters, digits and hyphens.
    alt: what it shows, in a sentence, for screen readers.
    height: pixels; min_width: below it the figure scrolls in its own box.
    narrow: changes of the layout for a phone.
    whole: changes of the layout that show all values, for a figure that opens on a part of them.
    aside: controls above the drawing.
    """

    id: str
    title: str
    alt: str
    drawing: Mapping[str, Any]
    caption: str = ""
    height: int = 400
    min_width: int = 0
    narrow: Mapping[str, Any] = field(default_factory=dict)
    whole: Mapping[str, Any] = field(default_factory=dict)
    aside: Html | None = None


def column(
    name: str, rows: str | Sequence[int], codes: Mapping[str, float] | None = None, **options: Any
) -> dict[str, Any]:
    """A column of the page's data for a named group of trials, or for trials by number.

    codes: the number for each text. Options: log=True takes log10; fallback=NAME is a column to use where
    this one has no value, missing=NUMBER the number where both have none; marked={"rows": GROUP, "value":
    NUMBER} gives the trials of a group that number instead of their own.
    """
    reference = {"$column": name, "rows": rows if isinstance(rows, str) else list(rows), **options}
    return reference if codes is None else {**reference, "codes": dict(codes)}


def curve(name: str, rows: str | Sequence[int]) -> dict[str, Any]:
    """A column of the epochs of some trials, one trial after the other with a gap between them."""
    return {"$curve": name, "rows": rows if isinstance(rows, str) else list(rows)}


def places(group: str, rows: str | Sequence[int]) -> dict[str, Any]:
    """The indices, from 0, of a group's members among some trials; undefined while there is no group."""
    return {"$places": group, "rows": rows if isinstance(rows, str) else list(rows)}


def colour(token: str, opacity: float = 1.0) -> dict[str, Any]:
    """A colour of the palette: ink, quiet, line, front, dominated, knee, selected, paper."""
    return {"$colour": token, "opacity": opacity}


def scale(position: float | None = None) -> dict[str, Any]:
    """The weak-to-strong colour scale; with a position in [0, 1] the colour there."""
    return {"$scale": position}


def scale_and(token: str, share: float) -> dict[str, Any]:
    """The weak-to-strong scale up to a share of it, and one colour of the palette beyond."""
    return {"$scale": None, "beyond": token, "share": share}
