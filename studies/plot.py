"""The front as a small plot of characters: the first objective over another one.

Dominated trials are Braille dots (two by four of them a character), the front and its knee whole characters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from studies.model import Objective, Study
from studies.pareto import front, knee, rankable
from studies.text import number, one_line, unit, with_unit

HEIGHT = 11
"""The height of a plot in lines, without its axis."""

LEAST_WIDTH = 36
"""The least width of a plot with its labels, in characters."""

LOG_FROM_RATIO = 10.0
_DOT = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille character: row, column
_BRAILLE = 0x2800


@dataclass(frozen=True)
class Axis:
    """One objective and the part of its values in view; positions are log10 on a logarithmic axis."""

    objective: Objective
    low: float
    high: float
    is_log: bool

    def place(self, value: float) -> float:
        """The position of a value: 0 to 1 from `low` to `high`; 0.5 if these are equal."""
        low, high = self._position(self.low), self._position(self.high)
        if self.is_log and value <= 0:
            return -math.inf
        return (self._position(value) - low) / (high - low) if high > low else 0.5

    def _position(self, value: float) -> float:
        return math.log10(value) if self.is_log else value


@dataclass(frozen=True)
class PlotFrame:
    """One plot: positions (x, y), each 0 to 1, of the trials in view.

    dominated, front: by number; the knee is in `front` too. n_outside: dominated trials out of view.
    """

    x: Axis
    y: Axis
    dominated: tuple[tuple[float, float], ...]
    front: tuple[tuple[float, float], ...]
    knee: tuple[float, float]
    knee_number: int
    n_outside: int


def plot_frames(study: Study) -> list[PlotFrame]:
    """The first objective over each other one; none without a front or with one objective.

    An axis shows the whole front; on the bad side it ends with the last trial within 1.5 times the distance
    between the quartiles beyond the nearer one (Tukey's fence). It is logarithmic where the values in view
    span a decade or more.
    """
    middle, trials, on_front = knee(study), rankable(study), front(study)
    if middle is None:
        return []
    numbers = {trial.number for trial in on_front}
    axes = []
    for objective in study.info.objectives:
        values = [float(trial.values[objective.name] or 0) for trial in trials]
        kept = [float(trial.values[objective.name] or 0) for trial in on_front]
        axes.append(_axis(objective, values, kept))
    frames = []
    for x in axes[1:]:
        y, spots = axes[0], {}
        for trial in trials:
            across, up = (float(trial.values[axis.objective.name] or 0) for axis in (x, y))
            spots[trial.number] = (x.place(across), y.place(up))
        behind = [spot for number, spot in spots.items() if number not in numbers]
        seen = [spot for spot in behind if all(0 <= part <= 1 for part in spot)]
        frames.append(
            PlotFrame(
                x=x,
                y=y,
                dominated=tuple(seen),
                front=tuple(spots[trial.number] for trial in on_front),
                knee=spots[middle.number],
                knee_number=middle.number,
                n_outside=len(behind) - len(seen),
            )
        )
    return frames


class PlotView:
    """As many of the frames side by side as the terminal is wide, and a line that explains the marks."""

    def __init__(self, frames: Sequence[PlotFrame]) -> None:
        self._frames = frames

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self._frames[: max(1, options.max_width // (LEAST_WIDTH + 2))]
        width = min(options.max_width // max(1, len(shown)) - 2, 2 * LEAST_WIDTH)
        if not shown or width < LEAST_WIDTH - 8:
            return
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(*(Group(*drawn(frame, width, HEIGHT, options.ascii_only)) for frame in shown))
        yield Text()
        yield grid
        yield _legend(shown, len(self._frames) - len(shown), options.ascii_only)


def drawn(frame: PlotFrame, width: int, height: int, is_ascii: bool) -> list[Text]:
    """The lines of a plot, none wider than `width`: a title, `height` lines, the axis, its ends."""
    ends = [with_unit(frame.y.objective.name, value) for value in (frame.y.high, frame.y.low)]
    room = max(map(len, ends))
    n_columns = max(1, width - room - 2)
    title = f"{frame.y.objective.name} over {frame.x.objective.name}"
    title = title if len(title) <= width else f"over {frame.x.objective.name}"
    lines = [Text(one_line(title, width), style="bold")]
    side, corner, floor = "|+-" if is_ascii else "│└─"
    for row, marks in enumerate(_marks(frame, n_columns, height, is_ascii)):
        label = ends[0] if row == 0 else ends[1] if row == height - 1 else ""
        lines.append(Text(f"{label:>{room}} {side}") + marks)
    lines.append(Text(" " * (room + 1) + corner + floor * n_columns))
    log = ", log" if frame.x.is_log else ""
    low, high = (
        number(frame.x.objective.name, frame.x.low),
        f"{with_unit(frame.x.objective.name, frame.x.high)}{log}",
    )
    lines.append(Text((" " * (room + 2) + f"{low}{high:>{max(0, n_columns - len(low))}}")[:width]))
    return lines


def _marks(frame: PlotFrame, n_columns: int, height: int, is_ascii: bool) -> list[Text]:
    dots = [[0] * n_columns for _ in range(height)]
    for across, up in frame.dominated:
        column, row = _cell(across, 2 * n_columns), _cell(1 - up, 4 * height)
        dots[row // 4][column // 2] |= _DOT[row % 4][column % 2]
    stand = "o" if is_ascii else "●"
    marks = {(_cell(1 - up, height), _cell(across, n_columns)): stand for across, up in frame.front}
    marks[_cell(1 - frame.knee[1], height), _cell(frame.knee[0], n_columns)] = "K" if is_ascii else "◆"
    lines = []
    for row in range(height):
        line = Text()
        for column in range(n_columns):
            mark, dot = marks.get((row, column)), dots[row][column]
            behind = ("." if is_ascii else chr(_BRAILLE + dot)) if dot else " "
            line.append(mark or behind, style="bold" if mark else "dim")
        lines.append(line)
    return lines


def _cell(place: float, n_cells: int) -> int:
    return min(n_cells - 1, int(place * n_cells))


def _legend(frames: Sequence[PlotFrame], n_left_out: int, is_ascii: bool) -> Text:
    stand, middle, behind = ("o", "K", ".") if is_ascii else ("●", "◆", "⠒")
    ways = ["up" if frames[0].y.objective.direction == "maximize" else "down"]
    ways += ["right" if frame.x.objective.direction == "maximize" else "left" for frame in frames]
    parts = [f"{stand} front", f"{middle} knee (trial {frames[0].knee_number})", f"{behind} dominated"]
    n_outside = max(frame.n_outside for frame in frames)
    parts += [f"{n_outside} far off not shown"] if n_outside else []
    parts += [f"better: {' and '.join(dict.fromkeys(ways))}"]
    parts += [f"{n_left_out} more on a wider terminal"] if n_left_out else []
    return Text("  ".join(parts))


def _axis(objective: Objective, values: Sequence[float], kept: Sequence[float]) -> Axis:
    """The axis of all values; `kept` are those of the front."""
    sign = -1.0 if objective.direction == "maximize" else 1.0
    losses = sorted(sign * value for value in values)
    quarter, three_quarters = losses[len(losses) // 4], losses[3 * len(losses) // 4]
    fence = max(three_quarters + 1.5 * (three_quarters - quarter), *(sign * value for value in kept))
    ends = sign * losses[0], sign * max(loss for loss in losses if loss <= fence)
    low, high = min(ends), max(ends)
    is_log = unit(objective.name) != "%" and 0 < LOG_FROM_RATIO * low <= high
    return Axis(objective, low, high, is_log)
