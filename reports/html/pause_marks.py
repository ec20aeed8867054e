"""Pauses that were cut out of a time axis: a line at each, and a sentence."""

from __future__ import annotations

from typing import Any

from reports.format.quantities import counted
from reports.html.figure import colour
from spikefront.text import duration

MOST_NAMED = 3
"""With more pauses than this, the lines have no words, and the sentence gives their number."""


def cut_marks(cuts: list[tuple[float, float]], unit_s: float) -> dict[str, Any]:
    """The part of a layout that marks each pause; `cuts` as in `Clock`, on an axis in units of `unit_s`."""
    lines = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": place / unit_s,
            "x1": place / unit_s,
            "y0": 0,
            "y1": 1,
            "line": {"color": colour("quiet"), "width": 1, "dash": "dot"},
        }
        for place, _ in cuts
    ]
    words = [
        {
            "x": place / unit_s,
            "xref": "x",
            "y": 1,
            "yref": "paper",
            "yanchor": "bottom",
            "text": f"pause of {duration(length)}",
            "showarrow": False,
            "font": {"size": 11, "color": colour("quiet")},
        }
        for place, length in cuts
    ]
    return {"shapes": lines, "annotations": words if len(cuts) <= MOST_NAMED else []}


def cuts_text(cuts: list[tuple[float, float]]) -> str:
    """What is cut out, in a sentence; "" where nothing is."""
    if not cuts:
        return ""
    total = duration(sum(length for _, length in cuts))
    if len(cuts) == 1:
        return f"A pause of {total} is cut out of the time: no trial ran in it."
    return f"{counted(len(cuts), 'pause')} ({total} in all) are cut out of the time: no trial ran in them."
