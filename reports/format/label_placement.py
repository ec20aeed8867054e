"""Where to put the label of a point."""

from __future__ import annotations

from collections.abc import Iterable

CORNERS = {"bottom right": (1, -1), "bottom left": (-1, -1), "top right": (1, 1), "top left": (-1, 1)}
"""Plotly's names for the corners of a point, and their directions; the first is taken when all are free."""

WIDTH, HEIGHT = 0.14, 0.07
"""Size of a short label as shares of the figure, with room for its point and for neighbours' points."""

SLACK = 0.015
"""How far on the other side of the point, as a share, a neighbour still touches the label."""


def freest_corner(point: tuple[float, float], others: Iterable[tuple[float, float]]) -> str:
    """The corner of `point` that lies inside the figure and where a label covers the fewest `others`.

    Places are shares of the figure: (0, 0) is its lower left end and (1, 1) its upper right one.
    """
    x, y = point
    near = [(u - x, v - y) for u, v in others if abs(u - x) <= WIDTH and abs(v - y) <= HEIGHT]

    def badness(corner: str) -> tuple[bool, int]:
        right, up = CORNERS[corner]
        is_inside = 0 <= x + right * WIDTH <= 1 and 0 <= y + up * HEIGHT <= 1
        return not is_inside, sum(right * u >= -SLACK and up * v >= -SLACK for u, v in near)

    return min(CORNERS, key=badness)
