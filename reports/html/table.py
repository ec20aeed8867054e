"""Tables in a box that scrolls by itself."""

from __future__ import annotations

from collections.abc import Iterable

from reports.html.markup import Html, tag


def scrolling_table(
    name: str, heads: Iterable[Html], rows: Iterable[Html], caption: str, region: str = "", **attributes: str
) -> Html:
    """A table with the id `name`. caption, region: its name for screen readers, and that of its box."""
    table = tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *rows),
        **attributes,
        id=name,
    )
    scroll = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=region or caption)
    return tag("div", scroll, class_="table")
