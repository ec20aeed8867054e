"""Parallel coordinates: every measured trial as a line through its params and objectives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from reports.data.axes import axis_frame, fenced
from reports.data.digest import Digest, value
from reports.data.params import Param, setting
from reports.format.quantities import quantity, shortened
from reports.format.ticks import ticks
from reports.html.figure import Card
from studies.model import Objective

MAX_TEXTS = 20
MAX_SNAPS = 60
LINE = 12


@dataclass(frozen=True)
class Axis:
    """One upright axis.

    column: of the page's data. codes: the position of each category.
    missing: the position of trials whose param is inactive; None where every trial has a value.
    span: lowest and highest position. ticks: position and text.
    snaps: further positions, without a text, at which a brush can end: Plotly allows ticks only.
    """

    column: str
    label: str
    span: tuple[float, float]
    is_log: bool = False
    codes: dict[str, float] | None = None
    missing: float | None = None
    ticks: list[tuple[float, str]] = field(default_factory=list)
    snaps: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class ParallelFrame:
    """The axes (params that vary, then objectives) and the range of the colour.

    constant: the params that were set to one value in all trials shown.
    quarters: for each objective that is not the same everywhere, the range of its axis that holds the best
    quarter of the trials.
    """

    axes: list[Axis]
    first: Objective
    colour_range: tuple[float, float]
    constant: list[str]
    n_trials: int
    quarters: list[Quarter] = field(default_factory=list)


@dataclass(frozen=True)
class Quarter:
    """The best quarter of the trials in one objective: the index of its axis, and a range along it."""

    axis: int
    label: str
    low: float
    high: float


def parallel_frame(digest: Digest) -> ParallelFrame | Card:
    """The frame over all measured trials, or why there is none."""
    title = "Every measured trial"
    trials = digest.measured
    if len(trials) < 2:
        return Card(
            title, f"Lines can be compared from two measured trials on; this study has {len(trials)}."
        )
    settings = {param.name: [setting(trial, param) for trial in trials] for param in digest.params}
    varying = [param for param in digest.params if len(set(settings[param.name])) > 1]
    first = digest.objectives[0]
    quarters = [
        _quarter(digest, objective, place)
        for place, objective in enumerate(digest.objectives, start=len(varying))
    ]
    return ParallelFrame(
        axes=[
            *(_param_axis(param, settings[param.name]) for param in varying),
            *(_objective_axis(digest, objective) for objective in digest.objectives),
        ],
        first=first,
        colour_range=fenced([value(trial, first.name) for trial in trials], first),
        constant=[param.name for param in digest.params if param not in varying],
        n_trials=len(trials),
        quarters=[quarter for quarter in quarters if quarter is not None],
    )


def _quarter(digest: Digest, objective: Objective, place: int) -> Quarter | None:
    frame = axis_frame(digest.measured, objective)
    low, high = frame.span
    if high <= low:
        return None
    places = sorted(frame.position(value(trial, objective.name)) for trial in digest.measured)
    last = max(1, len(places) // 4) - 1
    label = quantity(objective.name).label
    if objective.direction == "maximize":
        return Quarter(place, label, places[-1 - last], high)
    return Quarter(place, label, low, places[last])


def _param_axis(param: Param, settings: list[float | int | str | None]) -> Axis:
    name, label = f"param.{param.name}", param.label
    has_missing = None in settings
    if param.kind == "category":
        shown = [option for option in param.options if option in settings]
        codes = {option: float(place) for place, option in enumerate(shown)}
        low, missing = (-1.0, -1.0) if has_missing else (0.0, None)
        texts = [(place, shortened(option, LINE)) for option, place in codes.items()][
            :: 1 + len(codes) // MAX_TEXTS
        ]
        texts = [(-1.0, "–"), *texts] if has_missing else texts
        return Axis(name, label, (low, max(len(shown) - 1.0, low + 1)), False, codes, missing, texts)
    numbers = [float(item) for item in settings if isinstance(item, (int, float))]
    places = [math.log10(item) for item in numbers] if param.is_log else numbers
    low, high = min(places), max(places)
    width = (high - low) or 1.0
    marks = ticks(low, high, param.is_log, all(number.is_integer() for number in numbers))
    ends = _snaps(places)
    if not has_missing:
        return Axis(name, label, (low, low + width), param.is_log, None, None, marks, ends)
    missing = low - 0.15 * width
    marks = [(missing, "–"), *marks]
    return Axis(name, label, (missing, low + width), param.is_log, None, missing, marks, ends)


def _snaps(places: list[float]) -> list[float]:
    """All different positions, or of many about 60 at even ranks and those next to the quarters' ends."""
    distinct = sorted(set(places))
    if len(distinct) <= MAX_SNAPS:
        return distinct
    ordered = sorted(places)
    step = (len(ordered) - 1) / (MAX_SNAPS - 1)
    ranks = [round(i * step) for i in range(MAX_SNAPS)]
    last = len(ordered) // 4
    ends = {ordered[last - 1], ordered[-last]}
    beside = {max(place for place in distinct if place < ordered[-last])}
    beside |= {min(place for place in distinct if place > ordered[last - 1])}
    return sorted({ordered[rank] for rank in ranks} | ends | beside)


def _objective_axis(digest: Digest, objective: Objective) -> Axis:
    frame = axis_frame(digest.measured, objective)
    low, high = frame.span
    metric = quantity(objective.name)
    label = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
    span = (low, high if high > low else low + 1)
    places = [frame.position(value(trial, objective.name)) for trial in digest.measured]
    marks = ticks(low, high, frame.is_log)
    return Axis(frame.column, label, span, frame.is_log, ticks=marks, snaps=_snaps(places))
