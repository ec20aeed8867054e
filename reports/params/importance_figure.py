"""The importance of params as bars."""

from __future__ import annotations

from reports.format.quantities import counted, percent, quantity, shortened
from reports.html.figure import Figure, colour
from reports.html.markup import plot_text
from reports.params.importance import HINT, WEAK, ImportanceFrame, importance_title


def draw_importance(frame: ImportanceFrame, figure_id: str) -> Figure:
    """Bars, the most important param on top."""
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": frame.share,
        "y": [plot_text(shortened(label)) for label in frame.labels],
        "text": [percent(share) for share in frame.share],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}: %{x:.1%}<extra></extra>",
        "marker": {"color": colour("front", 0.85)},
    }
    layout = {
        "xaxis": {"visible": False, "range": [0, 1.3 * max(frame.share)], "fixedrange": True},
        "yaxis": {
            "autorange": "reversed",
            "automargin": True,
            "fixedrange": True,
            "ticks": "",
            "ticklabelstandoff": 6,
        },
        "bargap": 0.4,
        "showlegend": False,
        "margin": {"l": 10, "r": 10, "t": 4, "b": 4},
    }
    weak = f" {HINT}" if frame.explained < WEAK else ""
    top = frame.params[0]
    return Figure(
        id=figure_id,
        title=importance_title(frame.objective),
        alt=f"Bar chart of param importance for {quantity(frame.objective.name).label}; the most important "
        f"of {len(frame.params)} params is {top} with {percent(frame.share[0])}.",
        drawing={"data": [bars], "layout": layout},
        caption=f"Single params together: {percent(frame.together)}; the rest is interactions. "
        f"Out-of-bag R² {frame.explained:.2f} over {counted(frame.n_trials, 'trial')}"
        f"{_untrained(frame)}.{weak}",
        height=24 + 28 * len(frame.params),
    )


def _untrained(frame: ImportanceFrame) -> str:
    if not frame.n_untrained:
        return ""
    return f", {frame.n_untrained:,} of them not trained to the end but measured before"
