"""The front of three objectives in space."""

from __future__ import annotations

from dataclasses import dataclass

from reports.data.axes import AxisFrame, axis_frame, outside, view
from reports.data.columns import beyond_noise
from reports.data.digest import MANY, Digest, sampled, value
from reports.format.quantities import counted
from reports.html.figure import Card
from studies.model import Objective, Trial

NEEDED = 3

MOST_POINTS = 1000
"""How many dominated trials are drawn, in a study of more than `MANY` trials."""


@dataclass(frozen=True)
class SpaceFrame:
    """Three objectives: the first is the height (z), the next two span the floor (x, y).

    stems: for each front trial a line from the floor to its point, with a gap (None) after it.
    n_outside: dominated trials left out because they are so far off that they would flatten the view.
    n_unshown: further dominated trials left out in a large study, of which a sample is shown.
    """

    x: AxisFrame
    y: AxisFrame
    z: AxisFrame
    front: list[int]
    near: list[int]
    dominated: list[int]
    knee: int | None
    stems: dict[str, list[float | None]]
    n_outside: int
    n_unshown: int = 0


def space_frame(digest: Digest) -> SpaceFrame | Card:
    """The frame of the first three objectives, or why there is none."""
    title = "Three objectives together"
    if len(digest.objectives) < NEEDED:
        n = counted(len(digest.objectives), "objective")
        return Card(title, f"The study has {n}; a view in space needs three.")
    if not digest.front:
        return Card(title, "No trial has finished within the limits, so there is no front yet.")
    z, x, y = digest.objectives[:NEEDED]
    kept = {trial.number for trial in digest.front}
    whole = [axis_frame(digest.measured, objective) for objective in (x, y, z)]
    far = set(outside(digest.measured, whole, [view(frame, digest.measured, kept) for frame in whole]))
    shown = tuple(trial for trial in digest.measured if trial.number not in far)
    dominated = [number for number in beyond_noise(digest) if number not in far]
    some = sampled(dominated, MOST_POINTS) if len(digest.study.trials) > MANY else dominated
    return SpaceFrame(
        x=axis_frame(shown, x),
        y=axis_frame(shown, y),
        z=axis_frame(shown, z),
        front=[trial.number for trial in digest.front],
        near=[number for number in digest.near_numbers if number not in far],
        dominated=some,
        knee=None if digest.knee is None else digest.knee.number,
        stems=_stems(digest.front, shown, (x, y, z)),
        n_outside=len(far),
        n_unshown=len(dominated) - len(some),
    )


def _stems(
    front: tuple[Trial, ...], shown: tuple[Trial, ...], axes: tuple[Objective, Objective, Objective]
) -> dict[str, list[float | None]]:
    x, y, z = (objective.name for objective in axes)
    floor = min(value(trial, z) for trial in shown)
    stems: dict[str, list[float | None]] = {"x": [], "y": [], "z": []}
    for trial in front:
        stems["x"] += [value(trial, x), value(trial, x), None]
        stems["y"] += [value(trial, y), value(trial, y), None]
        stems["z"] += [floor, value(trial, z), None]
    return stems
