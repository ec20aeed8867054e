"""The shares of pairs of params, and the predictions over the strongest pairs, as heat maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.data.params import Setting, setting_text
from reports.format.quantities import percent, quantity, shortened, significant, with_unit
from reports.html.figure import Figure, colour, scale
from reports.html.markup import plot_text
from reports.params.importance import HINT, WEAK
from reports.params.pairs import PairsFrame, Surface, pairs_title
from reports.params.panels_figure import from_top, key, slot
from studies.model import Objective

WORTH_TELLING = 0.01
"""If no pair has this share, the caption says that the maps show single effects."""


def draw_pairs(frame: PairsFrame, figure_id: str) -> Figure:
    """The shares of all pairs beside the strongest surfaces; on a phone one above the other."""
    metric = quantity(frame.objective.name)
    traces = [_matrix(frame)]
    for place, surface in enumerate(frame.surfaces, start=1):
        traces += _heat(frame.objective, surface, place)
    layout, narrow = _layouts(frame)
    top = frame.surfaces[0]
    one_label, other_label = (param.label for param in top.params)
    return Figure(
        id=figure_id,
        title=pairs_title(frame.objective),
        alt=f"Heat map of the predicted {metric.label} over {one_label} and {other_label}, the pair with the "
        f"largest interaction ({percent(top.share)} of the variance), and the shares of all pairs.",
        drawing={"data": traces, "layout": layout},
        caption=_caption(frame),
        height=340,
        narrow=narrow,
    )


def _caption(frame: PairsFrame) -> str:
    none = (
        f" No pair explains {percent(WORTH_TELLING)} by itself: what the maps show is the single params."
        if max(frame.shares.values()) < WORTH_TELLING
        else ""
    )
    guess = " ×: no trial is near, the forest guesses." if _has_guess(frame) else ""
    weak = f" {HINT}" if frame.explained < WEAK else ""
    return (
        "Share: what two params explain together beyond each by itself, among the most important ones."
        f"{none} "
        f"The stronger the colour of a map, the better.{guess} Out-of-bag R² {frame.explained:.2f}.{weak}"
    )


def _has_guess(frame: PairsFrame) -> bool:
    return any(bool((surface.n_near == 0).any()) for surface in frame.surfaces)


def _layouts(frame: PairsFrame) -> tuple[dict[str, Any], dict[str, Any]]:
    """The layout, and its changes for a phone."""
    n_parts = 1 + len(frame.surfaces)
    bar = {"thickness": 10, "outlinewidth": 0, "ticks": "", "x": 1.0, "xpad": 8}
    colours = {
        "colorscale": scale(),
        "reversescale": frame.objective.direction == "minimize",
        "cmin": min(float(surface.mean.min()) for surface in frame.surfaces),
        "cmax": max(float(surface.mean.max()) for surface in frame.surfaces),
        "colorbar": bar,
    }
    layout: dict[str, Any] = {
        "showlegend": False,
        "margin": {"l": 12, "r": 12, "t": 44, "b": 12},
        "coloraxis": colours,
    }
    below = {"orientation": "h", "x": 0.5, "xpad": 0, "y": 0, "yanchor": "top", "ypad": 70}
    narrow: dict[str, Any] = {
        "height": 320 * n_parts + 70,
        "margin": {"l": 8, "r": 8, "t": 44, "b": 92},
        "coloraxis": {"colorbar": below},
    }
    titles = ["<b>Share of the pair</b>", *map(_surface_title, frame.surfaces)]
    axes = [_matrix_axes(frame), *map(_surface_axes, frame.surfaces)]
    layout["annotations"], narrow["annotations"] = [], []
    for place, (title, (x, y)) in enumerate(zip(titles, axes, strict=True)):
        end, across = key(place), slot(place, n_parts, 0.1)
        upwards = from_top(place, n_parts, 0.36 / n_parts)
        layout[f"xaxis{end}"] = {**x, "domain": across, "anchor": f"y{end}"}
        layout[f"yaxis{end}"] = {**y, "domain": [0, 1], "anchor": f"x{end}"}
        narrow[f"xaxis{end}"], narrow[f"yaxis{end}"] = {"domain": [0, 1]}, {"domain": upwards}
        layout["annotations"].append(_note(title, across[0], 1.0))
        narrow["annotations"].append(_note(title, 0.0, upwards[1]))
    return layout, narrow


def _note(text: str, x: float, y: float) -> dict[str, Any]:
    return {
        "text": text,
        "x": x,
        "y": y,
        "yshift": 5,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "align": "left",
    }


def _matrix(frame: PairsFrame) -> dict[str, Any]:
    """The lower triangle of the pairs, each cell with its share."""
    names = [param.name for param in frame.params]
    shares = [[frame.shares.get((across, down)) for across in names[:-1]] for down in names[1:]]
    return {
        "type": "heatmap",
        "z": shares,
        "text": [["" if share is None else percent(share) for share in row] for row in shares],
        "texttemplate": "%{text}",
        "textfont": {"size": 11, "color": colour("ink")},
        "colorscale": [[0, colour("front", 0.0)], [1, colour("front", 0.6)]],
        "zmin": 0,
        "zmax": max(0.1, *frame.shares.values()),
        "showscale": False,
        "hoverongaps": False,
        "hoverinfo": "skip",
        "xgap": 2,
        "ygap": 2,
    }


def _heat(objective: Objective, surface: Surface, place: int) -> list[dict[str, Any]]:
    axes = {"xaxis": f"x{key(place)}", "yaxis": f"y{key(place)}"}
    name = objective.name
    texts = [
        [
            f"{plot_text(surface.params[0].label)} {plot_text(setting_text(x))}, "
            f"{plot_text(surface.params[1].label)} {plot_text(setting_text(y))}"
            f"<br>{with_unit(name, float(surface.mean[j, i]))}"
            f"<br>trials near: {surface.n_near[j, i]}"
            for i, x in enumerate(surface.settings[0])
        ]
        for j, y in enumerate(surface.settings[1])
    ]
    heat = {
        **axes,
        "type": "heatmap",
        "z": [[significant(number) for number in row] for row in surface.mean],
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "coloraxis": "coloraxis",
        "xgap": 1,
        "ygap": 1,
    }
    alone = np.argwhere(surface.n_near == 0)
    veil = {
        **axes,
        "type": "heatmap",
        "z": [[None if n else 1 for n in row] for row in surface.n_near.tolist()],
        "colorscale": [[0, colour("paper", 0.72)], [1, colour("paper", 0.72)]],
        "showscale": False,
        "hoverinfo": "skip",
    }
    marks = {
        **axes,
        "type": "scatter",
        "mode": "markers",
        "x": [int(i) for _, i in alone],
        "y": [int(j) for j, _ in alone],
        "marker": {"symbol": "x-thin", "size": 8, "line": {"width": 1.5, "color": colour("quiet")}},
        "hoverinfo": "skip",
    }
    return [heat, veil, marks] if len(alone) else [heat]


def _matrix_axes(frame: PairsFrame) -> tuple[dict[str, Any], dict[str, Any]]:
    labels = [plot_text(shortened(param.label, 14)) for param in frame.params]
    return _cells(labels[:-1]), _cells(labels[1:]) | {"autorange": "reversed"}


def _surface_axes(surface: Surface) -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = (
        _cells([plot_text(shortened(text, 12)) for text in _short(items)])
        | {"title": {"text": plot_text(shortened(param.label))}}
        for param, items in zip(surface.params, surface.settings, strict=True)
    )
    return x, y


def _short(settings: list[Setting]) -> list[str]:
    """Settings as ticks: numbers with two digits where these are enough to distinguish them."""
    rounded = [significant(item, 2) if isinstance(item, float) else item for item in settings]
    return [setting_text(item) for item in (rounded if len(set(rounded)) == len(rounded) else settings)]


def _cells(texts: list[str]) -> dict[str, Any]:
    return {
        "tickvals": list(range(len(texts))),
        "ticktext": texts,
        "showgrid": False,
        "fixedrange": True,
        "automargin": True,
        "ticks": "",
    }


def _surface_title(surface: Surface) -> str:
    across, upwards = (plot_text(shortened(param.label, 18)) for param in surface.params)
    return f"<b>{across} × {upwards}</b><br>{percent(surface.share)}, {surface.n_trials:,} trials"
