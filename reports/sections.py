"""The sections of the page, in their order: which figures they hold, and the words around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from reports.curves import curves_frame, draw_curves
from reports.digest import Digest
from reports.figure import Card, Figure
from reports.front import draw_pair, pair_frame
from reports.front3d import NEEDED, draw_space, space_frame
from reports.hypervolume import HypervolumeFrame, draw_hypervolume
from reports.importance import SOURCE, draw_importance, importance_frame
from reports.markup import Html, join, tag
from reports.near import near_html
from reports.outcomes import outcomes_html
from reports.parallel import draw_parallel, parallel_frame
from reports.table import rows, table_html

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Section:
    """One section: its anchor, its heading, a sentence, figures and cards, and what stands below them.

    legend: of its figures, where there are any.
    """

    id: str
    title: str
    intro: str
    parts: list[Figure | Card]
    below: Html
    legend: Html = field(default_factory=Html)


def sections(digest: Digest, hypervolume: HypervolumeFrame | Card, run_folder: Path) -> list[Section]:
    """All sections of a report; every figure that cannot be made is a card."""
    return [
        _front(digest),
        _table(digest, run_folder),
        Section(
            "search",
            "How the search went",
            "Whether more trials would help: where the curve has long been flat, they would add little.",
            [drawn(hypervolume, draw_hypervolume)],
            Html(),
        ),
        Section(
            "trials",
            "All finished trials",
            "Which settings the good ones share.",
            [drawn(parallel_frame(digest), draw_parallel)],
            Html(),
        ),
        _importance(digest),
        Section(
            "training",
            "Training",
            "How each trial learned; the front in colour.",
            [drawn(curves_frame(digest), draw_curves)],
            Html(),
        ),
    ]


def drawn(frame: Frame | Card, draw: Callable[[Frame], Figure]) -> Figure | Card:
    """The figure of a frame; a card stays a card."""
    return frame if isinstance(frame, Card) else draw(frame)


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
    intro = "What can be had at which price. No trial betters a point of the front without paying elsewhere."
    if len(digest.objectives) > NEEDED:
        intro += " The view in space shows the first three objectives."
    return Section("front", "The front", intro, parts, outcomes_html(digest.study), _legend(digest))


def _table(digest: Digest, run_folder: Path) -> Section:
    title = "The front as a table"
    intro = "Choose a row, copy its command, and train what it writes with: python -m snncore.train best.yaml"
    if not digest.front:
        why = "No trial has finished within the limits, so there is nothing to export yet."
        return Section("table", title, "", [Card("No rows", why)], Html())
    below = join(table_html(digest, rows(digest, run_folder)), near_html(digest))
    return Section("table", title, intro, [], below)


def _importance(digest: Digest) -> Section:
    parts = [
        drawn(importance_frame(digest, objective), partial(draw_importance, figure_id=f"importance-{place}"))
        for place, objective in enumerate(digest.objectives, start=1)
    ]
    return Section("importance", "Which knobs mattered", SOURCE, parts, Html())


def section_html(section: Section) -> Html:
    """A section as markup; figures are empty boxes that `report.js` fills."""
    is_alone = len(section.parts) == 1
    parts = [_part(part, is_alone) for part in section.parts]
    intro = tag("p", section.intro, class_="note") if section.intro else Html("")
    legend = section.legend if any(isinstance(part, Figure) for part in section.parts) else ""
    classes = "grid thirds" if section.id == "importance" else "grid"
    grid = tag("div", *parts, class_=classes) if parts else Html("")
    heading = tag("h2", section.title, id=f"{section.id}-heading")
    return tag(
        "section",
        join(heading, intro, legend, grid, section.below),
        id=section.id,
        aria_labelledby=f"{section.id}-heading",
    )


def _part(part: Figure | Card, is_alone: bool) -> Html:
    if isinstance(part, Card):
        classes = "card wide" if is_alone else "card"
        return tag("div", tag("h3", part.title), tag("p", part.why), class_=classes)
    style = f"height:{part.height}px" + (f";min-width:{part.min_width}px" if part.min_width else "")
    plot = tag("div", class_="plot", data_figure=part.id, role="img", aria_label=part.alt, style=style)
    if part.min_width:
        plot = tag("div", plot, class_="scroll", tabindex=0, role="region", aria_label=part.title)
    caption = tag("figcaption", part.caption) if part.caption else ""
    width = "wide" if is_alone or part.id == "front-3d" else None
    return tag("figure", tag("h3", part.title), part.aside or "", plot, caption, class_=width)


def _legend(digest: Digest) -> Html:
    near = tag("li", tag("span", class_="dot dot-near"), "dominated, within the noise of the front")
    return tag(
        "ul",
        tag("li", tag("span", class_="dot"), "on the front"),
        tag("li", tag("span", class_="stroke"), "best for this pair of objectives"),
        tag("li", tag("span", class_="dot dot-knee"), "knee"),
        near if digest.near else "",
        tag("li", tag("span", class_="dot dot-dominated"), "dominated"),
        class_="legend",
    )
