"""The front as a table, with the command that exports each of its trials."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from reports.data.digest import Digest, value
from reports.data.params import Param, Setting, setting, setting_text
from reports.format.quantities import capitalised, quantity, written
from reports.html.choices import copy_button
from reports.html.markup import Html, join, tag
from reports.html.table import scrolling_table
from studies.model import Trial
from studies.noise import seed_spread
from studies.remarks import quiet_remarks
from studies.text import is_under_load, spread_text
from studies.timings import Timing, measured_again, quiet_timing, timing, undisturbed_timing

LOADED = "†"
"""Marks a time that was measured while other work ran on the machine."""

GRID = {"role": "grid", "aria_multiselectable": "true"}
"""Attributes of a table whose rows can be chosen; `selection.js` handles the choice."""

_LOAD_NOTE = "measured while other trials ran on the machine"
_QUIET_NOTE = "Quiet: measured again after the search with nothing else running"
_BUSY_NOTE = (
    "Quiet: measured again after the search with no other trial running; where marked {}, the machine was "
    "busy then with something else"
)


@dataclass(frozen=True)
class Row:
    """One trial of the front: its values and settings, and the command that exports it.

    again: further metrics that were measured again with the machine quiet, by name.
    under_load: the objectives that were measured while other trials ran.
    below: for each of these columns the lines below its value: quartiles, quiet measurement, over seeds.
    """

    number: int
    values: dict[str, float]
    settings: dict[str, Setting]
    command: str
    is_knee: bool
    under_load: tuple[str, ...]
    again: dict[str, float | None]
    below: dict[str, tuple[str, ...]]


def rows(digest: Digest, run_folder: Path) -> list[Row]:
    """The front, best first objective first."""
    names = [objective.name for objective in digest.objectives]
    extra = extra_timings(digest)
    return [
        Row(
            number=trial.number,
            values={name: value(trial, name) for name in names},
            settings={param.name: setting(trial, param) for param in digest.params},
            command=export_command(run_folder, trial.number),
            is_knee=digest.knee is not None and trial.number == digest.knee.number,
            under_load=tuple(name for name in names if is_under_load(trial, name)),
            again={
                name: None if (in_search := timing(trial, name)) is None else in_search.median
                for name in extra
            },
            below={name: lines_below(digest, trial, name) for name in [*names, *extra]},
        )
        for trial in digest.front
    ]


def extra_timings(digest: Digest) -> list[str]:
    """The metrics, other than objectives, that were measured again with the machine quiet."""
    names = {objective.name for objective in digest.objectives}
    return [name for name in measured_again(digest.study) if name not in names]


def lines_below(digest: Digest, trial: Trial, name: str) -> tuple[str, ...]:
    """The known spreads of a value, one line each."""
    in_search, quiet = timing(trial, name), quiet_timing(trial, name)
    if quiet is not None:
        mark = LOADED if undisturbed_timing(trial, name) is None else ""
        line = ", ".join([f"quiet {written(name, quiet.median)}{mark}", *_range(name, quiet)])
        return (*_range(name, in_search), line)
    spread = seed_spread(trial, name, digest.spreads)
    return (spread_text(name, spread),) if spread else ()


def _range(name: str, measurement: Timing | None) -> tuple[str, ...]:
    if measurement is None or measurement.quartiles is None:
        return ()
    low, high = (written(name, end) for end in measurement.quartiles)
    return (f"{low}–{high}",)


def export_command(run_folder: Path, number: int) -> str:
    """The command that exports the config of a trial."""
    folder = shlex.quote(str(named_folder(run_folder)))
    return f"python -m studies.export {folder} --pick trial:{number} --out best.yaml"


def named_folder(run_folder: Path) -> Path:
    """The run folder for commands: relative if it is below the working directory, else absolute."""
    folder, here = run_folder.resolve(), Path.cwd().resolve()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def table_html(digest: Digest, table: list[Row]) -> Html:
    """The table in a scrolling box, and notes below it; exact values are in `data-value`."""
    heads = [
        tag("th", "Trial", scope="col"),
        *(tag("th", quantity(item.name).title, scope="col", class_="number") for item in digest.objectives),
        *(tag("th", quantity(name).title, scope="col", class_="number") for name in extra_timings(digest)),
        tag("th", "Export", scope="col", class_="screen"),
        *(
            tag("th", param.label, scope="col", title=param.name, class_=_kind(param))
            for param in digest.params
        ),
        tag("th", "Export command", scope="col", class_="screen"),
    ]
    body = [_row_html(digest, row) for row in table]
    caption = "The front, best first objective first"
    element = scrolling_table("front-table", heads, body, caption, "Table of the front", **GRID)
    return join(element, tag("div", *_notes(digest, table), class_="notes"))


def _notes(digest: Digest, table: list[Row]) -> list[Html]:
    """The notes below the table: its marks, and remarks on noise and quiet measurements."""
    notes = [f"{LOADED} {_LOAD_NOTE}"] if any(row.under_load for row in table) else []
    if any("±" in line for row in table for lines in row.below.values() for line in lines):
        notes.append(
            "± stands between mean and sample standard deviation over the n trainings with different seeds"
        )
    below = [line for row in table for lines in row.below.values() for line in lines]
    is_busy = any(LOADED in line for line in below)
    if measured_again(digest.study):
        notes.append(
            f"{_BUSY_NOTE.format(LOADED) if is_busy else _QUIET_NOTE}; ranges reach from the lower to "
            "the upper quartile. Figures and order use what the search measured"
        )
    notes += [capitalised(remark) for remark in quiet_remarks(digest.study, _label)]
    return [tag("p", f"{note}.", class_="note below") for note in notes]


def _label(name: str) -> str:
    return quantity(name).label


def _row_html(digest: Digest, row: Row) -> Html:
    badge = tag("span", "knee", class_="badge") if row.is_knee else ""
    copy = copy_button(f"the export command of trial {row.number}", row.command)
    return tag(
        "tr",
        tag("th", str(row.number), badge, scope="row", data_column="number", data_value=row.number),
        *(_value_html(row, name) for name in row.values),
        *(_again_html(row, name) for name in row.again),
        tag("td", copy, class_="screen"),
        *(_setting_html(param, row.settings[param.name]) for param in digest.params),
        tag("td", tag("code", row.command), class_="screen"),
        **row_choice(row.number),
    )


def row_choice(number: int) -> dict[str, str | int]:
    """The attributes of a row by which its trial can be chosen."""
    return {"data_trial": number, "tabindex": 0, "aria_selected": "false"}


def _value_html(row: Row, name: str) -> Html:
    number = row.values[name]
    mark = tag("sup", LOADED, title=_LOAD_NOTE) if name in row.under_load else ""
    exact = {"data_column": f"value.{name}", "data_value": repr(number)}
    return tag("td", written(name, number), mark, _below_html(row, name), class_="number", **exact)


def _again_html(row: Row, name: str) -> Html:
    number = row.again[name]
    exact = {"data_column": f"metric.{name}", "data_value": None if number is None else repr(number)}
    return tag("td", written(name, number), _below_html(row, name), class_="number", **exact)


def _below_html(row: Row, name: str) -> Html:
    return join(*(tag("span", line, class_="spread") for line in row.below[name]))


def _setting_html(param: Param, chosen: Setting) -> Html:
    exact = None if chosen is None else chosen if isinstance(chosen, str) else repr(chosen)
    text = setting_text(chosen)
    return tag("td", text, class_=_kind(param), data_column=f"param.{param.name}", data_value=exact)


def _kind(param: Param) -> str | None:
    return "number" if param.kind == "number" else None
