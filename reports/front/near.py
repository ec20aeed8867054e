"""The table of trials that are dominated, but not beyond the noise."""

from __future__ import annotations

from dataclasses import dataclass

from reports.data.digest import Digest, loss, value
from reports.format.quantities import capitalised, counted, listed, quantity, written
from reports.front.table import GRID, row_choice
from reports.html.markup import Html, join, tag
from reports.html.table import scrolling_table
from studies.remarks import noise_remark

MOST_ROWS = 12


@dataclass(frozen=True)
class NearRow:
    """One trial within the noise of the front.

    dominated_by: the trial of the front that comes closest to beating it beyond the noise.
    in_doubt: the labels of the objectives whose difference between the two may be noise.
    """

    number: int
    values: dict[str, float]
    dominated_by: int
    in_doubt: list[str]


def near_rows(digest: Digest) -> list[NearRow]:
    """The trials within the noise of the front, best first objective first."""
    if not digest.objectives:
        return []
    first = digest.objectives[0]
    ordered = sorted(digest.near, key=lambda near: (loss(near.trial, first), near.trial.number))
    return [
        NearRow(
            number=near.trial.number,
            values={item.name: value(near.trial, item.name) for item in digest.objectives},
            dominated_by=near.dominated_by,
            in_doubt=[quantity(name).label for name in near.in_doubt],
        )
        for near in ordered
    ]


def near_html(digest: Digest) -> Html:
    """The table below a sentence; a sentence about the noise if no trial is near; empty without noise."""
    noise = noise_remark(digest.recorded, lambda name: quantity(name).label)
    rows = near_rows(digest)
    if not rows:
        alone = f"No dominated trial is within the noise of the front. {capitalised(noise)}."
        return tag("p", alone, class_="note below") if noise and digest.spreads else Html()
    verb, each = ("is", "it") if len(rows) == 1 else ("are", "one")
    intro = (
        f"{counted(len(rows), 'dominated trial')} {verb} within the noise of the front: no trial that "
        f"dominates {each} is better in every noisy objective by more than two standard errors of the "
        f"difference, for times by quartiles that do not overlap. {capitalised(noise)}."
    )
    heads = [
        tag("th", "Trial", scope="col"),
        *(tag("th", quantity(item.name).title, scope="col", class_="number") for item in digest.objectives),
        tag("th", "Dominated by", scope="col", class_="number"),
        tag("th", "May be noise", scope="col"),
    ]
    body = [_row_html(row) for row in rows[:MOST_ROWS]]
    caption, region = "Trials within the noise of the front", "Table of the near trials"
    table = scrolling_table("near-table", heads, body, caption, region, **GRID)
    more = len(rows) - MOST_ROWS
    rest = tag("p", f"{counted(more, 'more trial')} in the figures.", class_="note below") if more > 0 else ""
    heading = tag("h3", "Within the noise of the front")
    above = tag("p", intro, class_="note")
    return tag("div", heading, above, table, rest, class_="near")


def _row_html(row: NearRow) -> Html:
    cells = [
        tag(
            "td", written(name, number), class_="number", data_column=f"value.{name}", data_value=repr(number)
        )
        for name, number in row.values.items()
    ]
    return tag(
        "tr",
        tag("th", str(row.number), scope="row", data_column="number", data_value=row.number),
        join(*cells),
        tag("td", f"trial {row.dominated_by}", class_="number"),
        tag("td", listed(row.in_doubt)),
        **row_choice(row.number),
    )
