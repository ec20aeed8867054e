"""Which knobs mattered, for each objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.coding import coded
from reports.digest import Digest, value
from reports.fanova import shares
from reports.figure import Card, Figure, colour
from reports.markup import plot_text
from reports.names import counted, percent, quantity, shortened
from studies.model import Objective

MIN_TRIALS = 8
WEAK = 0.3
"""Below this out-of-bag R² the forest has learned too little for its shares to be trusted."""

SOURCE = (
    "First-order functional ANOVA over a random forest (Hutter, Hoos and Leyton-Brown, ICML 2014): "
    "the share of the forest's variance that a knob explains by itself."
)


@dataclass(frozen=True)
class ImportanceFrame:
    """One objective: knobs, their labels, and their shares of the forest's variance, largest first.

    together: the sum of the shares; the rest is interactions. explained: out-of-bag R² of the forest.
    """

    objective: Objective
    knobs: list[str]
    labels: list[str]
    share: list[float]
    together: float
    explained: float
    n_trials: int


def importance_frame(digest: Digest, objective: Objective) -> ImportanceFrame | Card:
    """The frame of one objective over all measured trials, or why there is none."""
    title = _title(objective)
    trials = digest.measured
    if len(trials) < MIN_TRIALS:
        return Card(
            title, f"Importance needs at least {MIN_TRIALS} finished trials; there are {len(trials)}."
        )
    target = np.array([value(trial, objective.name) for trial in trials])
    if np.ptp(target) == 0:
        return Card(title, "Every finished trial has the same value, so no knob made a difference.")
    columns = coded(trials, digest.knobs)
    found = shares(columns, target) if columns.slices else None
    if found is None:
        return Card(title, "No searched knob separates the finished trials, so nothing can be attributed.")
    labels = {knob.name: knob.label for knob in digest.knobs}
    order = sorted(found.single, key=lambda name: -found.single[name])
    return ImportanceFrame(
        objective=objective,
        knobs=order,
        labels=[labels[name] for name in order],
        share=[found.single[name] for name in order],
        together=found.together,
        explained=found.explained,
        n_trials=len(trials),
    )


def draw_importance(frame: ImportanceFrame, figure_id: str) -> Figure:
    """Bars, the most important knob on top."""
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
    weak = (
        " The forest predicts trials it has not seen poorly here: take the order as a hint only."
        if frame.explained < WEAK
        else ""
    )
    top = frame.knobs[0]
    return Figure(
        id=figure_id,
        title=_title(frame.objective),
        alt=f"Bar chart of knob importance for {quantity(frame.objective.name).label}; the most important of "
        f"{len(frame.knobs)} knobs is {top} with {percent(frame.share[0])}.",
        drawing={"data": [bars], "layout": layout},
        caption=f"Single knobs together: {percent(frame.together)}; the rest is interactions. "
        f"Out-of-bag R² {frame.explained:.2f} over {counted(frame.n_trials, 'trial')}.{weak}",
        height=24 + 28 * len(frame.knobs),
    )


def _title(objective: Objective) -> str:
    return f"What decided {quantity(objective.name).label}"
