"""The legend of a figure that names its traces."""

from __future__ import annotations

from typing import Any


def legend_above() -> dict[str, Any]:
    """The part of a layout with a legend in one line above the drawing; clicks on it do nothing."""
    return {
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "traceorder": "normal",
            "itemclick": False,
            "itemdoubleclick": False,
        },
    }
