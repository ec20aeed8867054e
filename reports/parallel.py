"""Parallel coordinates: every finished trial as a line through its knobs and objectives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from reports.axes import axis_frame, fenced
from reports.digest import Digest, value
from reports.figure import Card, Figure, column, scale
from reports.knobs import Knob, setting
from reports.markup import plot_text
from reports.names import quantity, shortened
from reports.ticks import ticks
from studies.model import Objective

AXIS_WIDTH = 84
MAX_TEXTS = 20
LINE = 12
MAX_LINE = 22


@dataclass(frozen=True)
class Axis:
    """One upright axis.

    column: where its values stand in the page's data. codes: the place of each category.
    missing: the place of trials whose knob is inactive; None where every trial has a value.
    span: lowest and highest place. ticks: place and text; empty where Plotly chooses them.
    """

    column: str
    label: str
    span: tuple[float, float]
    is_log: bool = False
    codes: dict[str, float] | None = None
    missing: float | None = None
    ticks: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True)
class ParallelFrame:
    """The axes (knobs that vary, then objectives) and the range of the colour.

    constant: the knobs that were set to one value in all trials shown.
    """

    axes: list[Axis]
    first: Objective
    colour_range: tuple[float, float]
    constant: list[str]
    n_trials: int


def parallel_frame(digest: Digest) -> ParallelFrame | Card:
    """The frame over all measured trials, or why there is none."""
    title = "Every finished trial"
    trials = digest.measured
    if len(trials) < 2:
        return Card(
            title, f"Lines can be compared from two finished trials on; this study has {len(trials)}."
        )
    settings = {knob.name: [setting(trial, knob) for trial in trials] for knob in digest.knobs}
    varying = [knob for knob in digest.knobs if len(set(settings[knob.name])) > 1]
    first = digest.objectives[0]
    return ParallelFrame(
        axes=[
            *(_knob_axis(knob, settings[knob.name]) for knob in varying),
            *(_objective_axis(digest, objective) for objective in digest.objectives),
        ],
        first=first,
        colour_range=fenced([value(trial, first.name) for trial in trials], first),
        constant=[knob.name for knob in digest.knobs if knob not in varying],
        n_trials=len(trials),
    )


def _knob_axis(knob: Knob, settings: list[float | int | str | None]) -> Axis:
    name, label = f"param.{knob.name}", knob.label
    has_missing = None in settings
    if knob.kind == "category":
        shown = [option for option in knob.options if option in settings]
        codes = {option: float(place) for place, option in enumerate(shown)}
        low, missing = (-1.0, -1.0) if has_missing else (0.0, None)
        texts = [(place, shortened(option, LINE)) for option, place in codes.items()][
            :: 1 + len(codes) // MAX_TEXTS
        ]
        texts = [(-1.0, "–"), *texts] if has_missing else texts
        return Axis(name, label, (low, max(len(shown) - 1.0, low + 1)), False, codes, missing, texts)
    numbers = [float(item) for item in settings if isinstance(item, (int, float))]
    places = [math.log10(item) for item in numbers] if knob.is_log else numbers
    low, high = min(places), max(places)
    width = (high - low) or 1.0
    found = ticks(low, high, knob.is_log, all(number.is_integer() for number in numbers))
    if not has_missing:
        return Axis(name, label, (low, low + width), knob.is_log, None, None, found)
    missing = low - 0.15 * width
    return Axis(name, label, (missing, low + width), knob.is_log, None, missing, [(missing, "–"), *found])


def _objective_axis(digest: Digest, objective: Objective) -> Axis:
    frame = axis_frame(digest.measured, objective)
    low, high = frame.span
    found = quantity(objective.name)
    label = f"{found.label} ({found.unit})" if found.unit else found.label
    span = (low, high if high > low else low + 1)
    return Axis(frame.column, label, span, frame.is_log, ticks=ticks(low, high, frame.is_log))


def draw_parallel(frame: ParallelFrame) -> Figure:
    """The lines, coloured by the first objective; drag along an axis to keep a range of it."""
    dimensions = []
    for axis in frame.axes:
        options = {} if axis.missing is None else {"missing": axis.missing}
        dimensions.append(
            {
                "label": "<br>".join(plot_text(line) for line in _folded(axis.label)),
                "values": column(axis.column, "measured", axis.codes, log=axis.is_log, **options),
                "range": list(axis.span),
                "tickvals": [place for place, _ in axis.ticks],
                "ticktext": [text for _, text in axis.ticks],
            }
        )
    low, high = frame.colour_range
    negate = frame.first.direction == "minimize"
    strength = column(f"value.{frame.first.name}", "measured", negate=negate)
    lines = {
        "color": strength,
        "colorscale": scale(),
        "cmin": -high if negate else low,
        "cmax": -low if negate else high,
    }
    drawing = {"type": "parcoords", "line": lines, "dimensions": dimensions, "labelside": "top"}
    first = quantity(frame.first.name)
    fixed = f" Not shown, since never varied: {', '.join(frame.constant)}." if frame.constant else ""
    return Figure(
        id="parallel",
        title="Every finished trial",
        alt=f"Parallel coordinates of {frame.n_trials:,} trials over {len(frame.axes)} axes, coloured by "
        f"{first.label}.",
        drawing={"data": [drawing], "layout": {"margin": {"l": 56, "r": 48, "t": 64, "b": 18}}},
        caption=f"One line a trial; the stronger its colour, the better its {first.label}. Drag along an "
        f"axis to keep only the trials in that range, click the axis to let go. "
        f"“–” means that the knob was inactive.{fixed}",
        height=430,
        min_width=_width(frame),
        narrow={"margin": {"l": 48, "r": 40, "t": 64, "b": 18}},
    )


def _folded(label: str) -> list[str]:
    """A label on one line, or where it is long on two, broken at the gap nearest to its middle.

    Plotly has room for two lines above an axis; what is still too long is cut.
    """
    gaps = [place for place, character in enumerate(label, start=1) if character in "_. "]
    lines = [label]
    if len(label) > LINE and gaps:
        middle = min(gaps, key=lambda place: abs(place - len(label) / 2))
        lines = [label[:middle].rstrip(), label[middle:]]
    return [shortened(line, MAX_LINE) for line in lines]


def _width(frame: ParallelFrame) -> int:
    """Pixels below which the labels would run into one another."""
    longest = max(len(line) for axis in frame.axes for line in _folded(axis.label))
    return max(AXIS_WIDTH, 7 * longest) * len(frame.axes)
