"""The front of a study as a table for the terminal, in a layout that fits its width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from studies.accuracy import is_accuracy, validation_text
from studies.model import Study, Trial
from studies.noise import seed_spread
from studies.pareto import front, knee
from studies.replicates import Spread, searched, spreads
from studies.text import heading, is_under_load, number, one_line, params_text, spread_text
from studies.timings import Timing, quiet_timing, timing, undisturbed_timing

LOADED = "*"
"""Marks a time that was measured while other work ran on the machine."""

NARROW = 100
"""Below this width, in characters, params get lines of their own: eight columns would not fit."""

_LEAST_PARAMS = 20
"""The least width of the column of params; with less room, params get lines of their own."""

_INDENT = 2

_GAP = 3


@dataclass(frozen=True)
class FrontFrame:
    """The contents of the table: heads of the objectives; per trial its number, cells and params.

    Params that all trials of the front share (if there are two or more trials) are in `notes` instead.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...], str], ...]
    notes: tuple[str, ...]


def front_frame(study: Study) -> FrontFrame:
    """The front by number: objectives with their units and known spread, and params.

    Below a value are its quartiles and the measurement with the machine quiet, or mean and sample standard
    deviation over the trial and its replicates. The notes name the knee, or say that there is no front.
    """
    trials, middle, again = front(study), knee(study), spreads(study)
    names = [objective.name for objective in study.info.objectives]
    order, shared = _order(study, trials), _shared(trials)
    has_load = any(is_under_load(trial, name) for trial in trials for name in names)
    is_busy = any(_is_busy(trial, name) for trial in trials for name in names)
    notes = [f"knee: trial {middle.number}" if middle else "no trial is complete and feasible yet"]
    notes += [f"{LOADED} measured while other trials ran"] if has_load else []
    notes += [f"quiet with {LOADED}: the machine was busy then with something else"] if is_busy else []
    notes += ["mean ± sd over seeds"] if again else []
    validation = validation_text(study) if any(map(is_accuracy, names)) else ""
    notes += [f"accuracy: {validation}"] if validation else []
    notes += [f"in all: {params_text(shared, order)}"] if shared else []
    rows = []
    for trial in trials:
        cells = tuple(_cell(trial, name, seed_spread(trial, name, again)) for name in names)
        varying = {name: value for name, value in trial.params.items() if name not in shared}
        rows.append((str(trial.number), cells, params_text(varying, order)))
    of = f"{len(trials)} of {len(searched(study).trials)} trials"
    title = f"front of {one_line(study.info.name)}: {of}"
    return FrontFrame(title, tuple(heading(name) for name in names), tuple(rows), tuple(notes))


def front_table(study: Study) -> Table:
    """The frame as one table that wraps where necessary, with all params in the last column."""
    return _table(front_frame(study))


class FrontView:
    """The frame in the layout that fits: one table, params below each row, or each value on its own line.

    No number is cut: a value that is wider than the terminal continues in the next line.
    """

    def __init__(self, study: Study) -> None:
        self._frame = front_frame(study)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        frame, width = self._frame, options.max_width
        widths = _widths(frame)
        taken = sum(widths) + _GAP * (len(widths) - 1)
        if not frame.rows or width >= max(NARROW, taken + _GAP + _LEAST_PARAMS):
            yield _table(frame, has_room=bool(frame.rows))
            return
        yield Text(frame.title, style="italic")
        yield Text()
        yield from _rows(frame, widths, options) if taken <= width else _values(frame)
        yield Text()
        for note in frame.notes:
            yield Text(note, style="italic", overflow="fold")


def _rows(frame: FrontFrame, widths: Sequence[int], options: ConsoleOptions) -> Iterator[RenderableType]:
    """For each trial its values in columns, and its params below them."""
    for line in _lines(["\ntrial", *frame.heads], widths, from_below=True):
        yield Text(line, style="bold")
    yield Text(("─" if not options.ascii_only else "-") * (sum(widths) + _GAP * len(frame.heads)))
    for trial, cells, params in frame.rows:
        for line in _lines([trial, *cells], widths):
            yield Text(line)
        if params:
            yield _below(Text(params, style="dim", overflow="fold"), widths[0] + _GAP)


def _values(frame: FrontFrame) -> Iterator[RenderableType]:
    """Each value of a trial on a line of its own, after the name of its objective."""
    for trial, cells, params in frame.rows:
        yield Text(f"trial {trial}", style="bold")
        for head, cell in zip(frame.heads, cells, strict=True):
            value, *below = cell.split("\n")
            yield _below(Text(f"{' '.join(head.split())} {value}", overflow="fold"), _INDENT)
            for line in below:
                yield _below(Text(line, overflow="fold"), 2 * _INDENT)
        if params:
            yield _below(Text(params, style="dim", overflow="fold"), _INDENT)


def _below(text: Text, indent: int) -> Padding:
    return Padding(text, (0, 0, 0, indent), expand=False)


def _table(frame: FrontFrame, has_room: bool = False) -> Table:
    """has_room: whether all numbers fit side by side, so that only params need to wrap."""
    table = Table(
        title=Text(frame.title), caption=Text("; ".join(frame.notes)), box=SIMPLE_HEAD, pad_edge=False
    )
    table.add_column(Text("trial"), justify="right", no_wrap=True)
    for head in frame.heads:
        table.add_column(Text(head), justify="right", no_wrap=has_room, overflow="fold")
    table.add_column(Text("params"), overflow="fold")
    for trial, cells, params in frame.rows:
        table.add_row(trial, *map(Text, cells), Text(params))
    return table


def _widths(frame: FrontFrame) -> list[int]:
    """The widest line of each column, params left out."""
    columns = zip(("trial", *frame.heads), *((trial, *cells) for trial, cells, _ in frame.rows), strict=True)
    return [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in columns]


def _lines(cells: Sequence[str], widths: Sequence[int], from_below: bool = False) -> list[str]:
    """The lines of one row, cells to the right of their columns, aligned at the top or the bottom."""
    split = [cell.strip("\n").split("\n") for cell in cells]
    height = max(map(len, split))
    columns = []
    for lines, width in zip(split, widths, strict=True):
        missing = [""] * (height - len(lines))
        full = [*missing, *lines] if from_below else [*lines, *missing]
        columns.append([" " * (width - cell_len(line)) + line for line in full])
    return [(" " * _GAP).join(parts).rstrip() for parts in zip(*columns, strict=True)]


def _shared(trials: Sequence[Trial]) -> dict[str, Any]:
    """The params that have the same value in all trials; none with fewer than two trials."""
    if len(trials) < 2:
        return {}
    first, *others = (trial.params for trial in trials)
    return {
        name: value
        for name, value in first.items()
        if all(name in other and _is_same(other[name], value) for other in others)
    }


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _cell(trial: Trial, name: str, over_seeds: Spread | None) -> str:
    in_search, quiet = timing(trial, name), quiet_timing(trial, name)
    text = number(name, trial.values[name]) + (LOADED if is_under_load(trial, name) else "")
    text += _quartiles(name, in_search)
    if quiet is not None:
        mark = LOADED if _is_busy(trial, name) else ""
        return f"{text}\nquiet {number(name, quiet.median)}{mark}{_quartiles(name, quiet)}"
    return f"{text}\n{spread_text(name, over_seeds)}" if over_seeds else text


def _is_busy(trial: Trial, name: str) -> bool:
    """Whether the metric was measured again while the machine was not quiet."""
    return quiet_timing(trial, name) is not None and undisturbed_timing(trial, name) is None


def _quartiles(name: str, measurement: Timing | None) -> str:
    if measurement is None or measurement.quartiles is None:
        return ""
    low, high = measurement.quartiles
    return f" ({number(name, low)}-{number(name, high)})"


def _order(study: Study, trials: Iterable[Trial]) -> list[str]:
    """The params in the order of the space file, if the record has it, then those that only trials have."""
    search = study.info.space.get("search")
    named = list(search) if isinstance(search, Mapping) else []
    return list(dict.fromkeys([*named, *(name for trial in trials for name in trial.params)]))
