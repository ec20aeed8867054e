"""The front: its figures, what stands below them, and its table."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from reports.course.outcomes import outcomes_html
from reports.data.digest import Digest
from reports.format.quantities import capitalised, counted, listed, quantity
from reports.front.budgets_section import budget_section
from reports.front.front import pair_frame
from reports.front.front3d import NEEDED, space_frame
from reports.front.front3d_figure import draw_space
from reports.front.front_figure import draw_pair
from reports.front.near import near_html
from reports.front.table import rows, table_html
from reports.html.figure import Card, Figure
from reports.html.markup import Html, join, tag
from reports.html.section import Section, drawn
from studies.accuracy import is_accuracy, validation_text


def front_sections(digest: Digest, run_folder: Path) -> list[Section]:
    """The sections about the front, in their order. `run_folder` is named in commands only."""
    return [_front(digest), budget_section(digest, run_folder), _table(digest, run_folder)]


def _front(digest: Digest) -> Section:
    parts: list[Figure | Card] = []
    if len(digest.objectives) < 2:
        why = "The study has one objective, so there is no trade-off to draw; its best trial is below."
        parts.append(Card("The front", why))
    else:
        first, *others = digest.objectives
        for place, other in enumerate(others, start=1):
            frame = pair_frame(digest, other, first)
            parts.append(drawn(frame, partial(draw_pair, figure_id=f"front-{place}")))
        if digest.front:
            space = space_frame(digest)
            parts.append(drawn(space, partial(draw_space, figure_id="front-3d")))
    intro = "The best trade-offs. No trial betters one of the front without being worse in another objective"
    intro += _standing(digest) + _accuracy_of(digest)
    if len(digest.objectives) > NEEDED:
        intro += " The view in space shows the first three objectives."
    return Section("front", "The front", intro, parts, outcomes_html(digest.study), _legend(digest))


def _standing(digest: Digest) -> str:
    if not digest.front:
        return "."
    n, verb = len(digest.front), "stands" if len(digest.front) == 1 else "stand"
    return f"; {n:,} of {counted(len(digest.measured), 'measured trial')} {verb} on it."


def _accuracy_of(digest: Digest) -> str:
    """What the accuracies among the objectives are of; "" without any, or where it was not measured."""
    names = [quantity(item.name).label for item in digest.objectives if is_accuracy(item.name)]
    validation = validation_text(digest.study)
    return f" {capitalised(listed(names))}: {validation}." if names and validation else ""


def _table(digest: Digest, run_folder: Path) -> Section:
    title = "The front as a table"
    intro = "Choose a row, copy its command, and train what it writes with: python -m snncore.train best.yaml"
    if not digest.front:
        why = "No trial has finished within the limits, so there is nothing to export yet."
        return Section("table", title, "", [Card("No rows", why)])
    below = join(table_html(digest, rows(digest, run_folder)), near_html(digest))
    return Section("table", title, intro, [], below)


def _legend(digest: Digest) -> Html:
    near = tag("li", tag("span", class_="dot dot-near"), "dominated, within the noise of the front")
    return tag(
        "ul",
        tag("li", tag("span", class_="dot"), "on the front"),
        tag("li", tag("span", class_="stroke"), "best for this pair of objectives"),
        tag("li", tag("span", class_="dot dot-knee"), "knee"),
        near if digest.near else "",
        tag("li", tag("span", class_="dot dot-dominated"), "dominated"),
        tag("li", tag("span", class_="dot dot-selected"), "chosen by a click, an area, or a row below"),
        class_="legend",
    )
