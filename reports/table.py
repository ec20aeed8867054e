"""The front as a table, with the command that exports each of its trials."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from reports.digest import Digest, value
from reports.knobs import Knob, Setting, setting, setting_text
from reports.markup import Html, join, tag
from reports.names import quantity, written
from studies.text import is_under_load

LOADED = "†"
"""Marks a latency that was measured while other trials ran."""

_LOAD_NOTE = "measured while other trials ran on the machine"


@dataclass(frozen=True)
class Row:
    """One trial of the front: its values and settings, and the command that exports it.

    under_load: the objectives, if any, that were measured while other trials ran.
    """

    number: int
    values: dict[str, float]
    settings: dict[str, Setting]
    command: str
    is_knee: bool
    under_load: tuple[str, ...]


def rows(digest: Digest, run_folder: Path) -> list[Row]:
    """The front, best first objective first."""
    names = [objective.name for objective in digest.objectives]
    return [
        Row(
            number=trial.number,
            values={name: value(trial, name) for name in names},
            settings={knob.name: setting(trial, knob) for knob in digest.knobs},
            command=export_command(run_folder, trial.number),
            is_knee=digest.knee is not None and trial.number == digest.knee.number,
            under_load=tuple(name for name in names if is_under_load(trial, name)),
        )
        for trial in digest.front
    ]


def export_command(run_folder: Path, number: int) -> str:
    """What to type to get the config of a trial; a folder below the working directory is named from there."""
    folder, here = run_folder.resolve(), Path.cwd().resolve()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    return f"python -m studies.export {shlex.quote(str(shown))} --pick trial:{number} --out best.yaml"


def table_html(digest: Digest, table: list[Row]) -> Html:
    """The table in a box of its own that scrolls; exact values stand in `data-value`."""
    heads = [
        tag("th", "Trial", scope="col"),
        *(tag("th", quantity(item.name).title, scope="col", class_="number") for item in digest.objectives),
        tag("th", "Export", scope="col", class_="screen"),
        *(tag("th", knob.label, scope="col", title=knob.name, class_=_kind(knob)) for knob in digest.knobs),
        tag("th", "Export command", scope="col", class_="screen"),
    ]
    body = [_row_html(digest, row) for row in table]
    caption = tag("caption", "The front, best first objective first", class_="unseen")
    element = tag("table", caption, tag("thead", tag("tr", *heads)), tag("tbody", *body), id="front-table")
    scroll = tag("div", element, class_="scroll", tabindex=0, role="region", aria_label="Table of the front")
    has_load = any(row.under_load for row in table)
    note = tag("p", f"{LOADED} {_LOAD_NOTE}", class_="note below") if has_load else ""
    return join(tag("div", scroll, class_="table"), note)


def _row_html(digest: Digest, row: Row) -> Html:
    badge = tag("span", "knee", class_="badge") if row.is_knee else ""
    copy = tag(
        "button",
        "Copy",
        type="button",
        class_="copy",
        data_copy=row.command,
        aria_label=f"Copy the export command of trial {row.number}",
    )
    return tag(
        "tr",
        tag("th", str(row.number), badge, scope="row", data_column="number", data_value=row.number),
        *(_value_html(row, name) for name in row.values),
        tag("td", copy, class_="screen"),
        *(_setting_html(knob, row.settings[knob.name]) for knob in digest.knobs),
        tag("td", tag("code", row.command), class_="screen"),
        data_trial=row.number,
    )


def _value_html(row: Row, name: str) -> Html:
    number = row.values[name]
    mark = tag("sup", LOADED, title=_LOAD_NOTE) if name in row.under_load else ""
    exact = {"data_column": f"value.{name}", "data_value": repr(number)}
    return tag("td", written(name, number), mark, class_="number", **exact)


def _setting_html(knob: Knob, found: Setting) -> Html:
    exact = None if found is None else found if isinstance(found, str) else repr(found)
    text = setting_text(found)
    return tag("td", text, class_=_kind(knob), data_column=f"param.{knob.name}", data_value=exact)


def _kind(knob: Knob) -> str | None:
    return "number" if knob.kind == "number" else None
