"""A compact form of the page's columns, shorter than JSON lists; `data.js` unpacks them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from reports.format.quantities import significant

LONG = 1000
"""Lists of a drawing are rounded from this length on."""


def packed(columns: Mapping[str, Sequence[Any]], exact: Collection[str] = ()) -> dict[str, Any]:
    """Each column as a list, or as an object from which `data.js` builds the list.

    {"same": value, "n": length}; {"runs": [value, length, ...]}; {"texts": [...], "places": [...]}.
    Floats are rounded to six digits, but for the columns named in `exact`.
    """
    return {
        name: _packed(column if name in exact else [rounded(value) for value in column])
        for name, column in columns.items()
    }


def rounded(value: Any) -> Any:
    """A float with six significant digits; everything else, NaN and infinities as they are."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    return significant(value)


def short(drawing: Any) -> Any:
    """A drawing whose long lists of numbers are rounded."""
    if isinstance(drawing, Mapping):
        return {key: short(value) for key, value in drawing.items()}
    if isinstance(drawing, list | tuple):
        return [rounded(value) for value in drawing] if len(drawing) >= LONG else [*map(short, drawing)]
    return drawing


def _packed(column: Sequence[Any]) -> Any:
    runs = [
        (value, len(list(same))) for (_, value), same in groupby(column, lambda value: (type(value), value))
    ]
    if len(runs) == 1:
        return {"same": runs[0][0], "n": runs[0][1]}
    if len(runs) < len(column) / 4:
        return {"runs": [part for run in runs for part in run]}
    texts = list(dict.fromkeys(column)) if any(isinstance(value, str | bool) for value in column) else []
    if texts and len(texts) < len(column) / 4 and len({str(text) for text in texts}) == len(texts):
        places = {text: place for place, text in enumerate(texts)}
        return {"texts": texts, "places": [places[value] for value in column]}
    return list(column)
