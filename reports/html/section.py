"""A section of the page, and its markup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reports.html.figure import Card, Figure
from reports.html.markup import Html, join, tag

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Section:
    """One section: its anchor, its heading, a sentence, figures and cards, and markup below them.

    legend: of its figures, shown where there are any. grid: the CSS classes that place its figures.
    link: its word in the row of links, where the title is too long for it.
    """

    id: str
    title: str
    intro: str
    parts: list[Figure | Card]
    below: Html = field(default_factory=Html)
    legend: Html = field(default_factory=Html)
    grid: str = "grid"
    link: str = ""


def drawn(frame: Frame | Card, draw: Callable[[Frame], Figure]) -> Figure | Card:
    """The figure of a frame; a card stays a card."""
    return frame if isinstance(frame, Card) else draw(frame)


def section_html(section: Section) -> Html:
    """A section as markup; figures are empty boxes that `plots.js` fills."""
    is_alone = len(section.parts) == 1
    parts = [_part(part, is_alone) for part in section.parts]
    intro = tag("p", section.intro, class_="note") if section.intro else Html("")
    legend = section.legend if any(isinstance(part, Figure) for part in section.parts) else ""
    grid = tag("div", *parts, class_=section.grid) if parts else Html("")
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
