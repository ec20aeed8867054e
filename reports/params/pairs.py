"""Interactions of params: the share of each pair, and predictions over the settings of the strongest ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.data.params import Param, Setting
from reports.format.quantities import quantity
from reports.html.figure import Card
from reports.params.effect import Places, active, grid, moved, spread_evenly
from reports.params.encoding import Floats
from reports.params.fanova import Analysis, Pair
from reports.params.forest import MIN_TRIALS, Forest
from studies.model import Objective

N_SURFACES = 2
N_STEPS = 8
N_ROWS = 100


@dataclass(frozen=True)
class Surface:
    """The prediction over the settings of two params, the first along x, the second along y.

    mean: (settings of the second, settings of the first). share: of the forest's variance, by the
    interaction alone. n_near: trials in each cell, those of neighbouring cells along a number included.
    n_trials: trials in which both params are active.
    """

    params: tuple[Param, Param]
    settings: tuple[list[Setting], list[Setting]]
    mean: Floats
    n_near: Places
    share: float
    n_trials: int


@dataclass(frozen=True)
class PairsFrame:
    """One objective: the shares of all pairs of its most important params, and the strongest as surfaces."""

    objective: Objective
    params: list[Param]
    shares: dict[Pair, float]
    surfaces: list[Surface]
    explained: float


def pairs_frame(objective: Objective, analysis: Analysis | str) -> PairsFrame | Card:
    """The frame of one objective, or why there is none. analysis: of the objective, by `analysed`."""
    title = pairs_title(objective)
    if isinstance(analysis, str):
        return Card(title, analysis)
    forest, shares = analysis.forest, analysis.shares.pairs
    if not shares:
        return Card(title, "Only one param varies among the trials, so there is no pair.")
    known = {param.name: param for param in forest.params}
    names = {name for pair in shares for name in pair}
    surfaces: list[Surface] = []
    for pair in sorted(shares, key=lambda pair: -shares[pair]):
        made = surface(forest, known[pair[0]], known[pair[1]], shares[pair])
        surfaces += [made] if made and len(surfaces) < N_SURFACES else []
    if not surfaces:
        return Card(
            title, f"No two params are active together in {MIN_TRIALS} trials with different settings."
        )
    return PairsFrame(
        objective, [known[name] for name in known if name in names], shares, surfaces, forest.explained
    )


def surface(forest: Forest, first: Param, second: Param, share: float = 0.0) -> Surface | None:
    """The prediction over two params, averaged over the trials in which both are active.

    None with fewer than 8 such trials, or fewer than two settings of either.
    """
    rows = active(forest, [first, second])
    across, upwards = (grid(forest, param, rows, N_STEPS) for param in (first, second))
    if len(rows) < MIN_TRIALS or min(len(across), len(upwards)) < 2:
        return None
    background = spread_evenly(rows, N_ROWS)
    held = [moved(forest, background, {first.name: x, second.name: y}) for y in upwards for x in across]
    mean = forest.predict(np.vstack(held)).reshape(len(upwards), len(across), len(background)).mean(axis=2)
    near = _near(forest, (first, second), (across, upwards), rows)
    return Surface((first, second), (across, upwards), mean, near, share, len(rows))


def _near(
    forest: Forest, params: tuple[Param, Param], settings: tuple[list[Setting], list[Setting]], rows: Places
) -> Places:
    """How many trials lie in each cell, those of neighbouring cells along a number included."""
    x, y = (_belongs(forest, param, items, rows) for param, items in zip(params, settings, strict=True))
    near: Places = y @ x.T
    return near


def _belongs(forest: Forest, param: Param, settings: list[Setting], rows: Places) -> Places:
    """(settings, rows): 1 where a trial has the setting, or a number nearest to it or to its neighbour."""
    at_trials = [forest.settings[param.name][row] for row in rows]
    if param.kind == "category":
        return np.array([[int(item == setting) for item in at_trials] for setting in settings], np.int64)
    places, steps = np.array(at_trials, float), np.array(settings, float)
    if param.is_log:
        places, steps = np.log(places), np.log(steps)
    nearest = np.abs(places[None, :] - steps[:, None]).argmin(axis=0)
    distances = np.abs(nearest[None, :] - np.arange(len(steps))[:, None])
    return np.array(distances <= 1, np.int64)


def pairs_title(objective: Objective) -> str:
    """The title of the figure of an objective."""
    return f"Params that decide {quantity(objective.name).label} together"
