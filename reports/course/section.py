"""How the search went."""

from __future__ import annotations

from reports.course.hypervolume import HypervolumeFrame
from reports.course.hypervolume_figure import draw_hypervolume
from reports.course.savings import savings_frame, stops_frame
from reports.course.savings_figure import draw_savings, draw_stops, reasons_html
from reports.course.timeline import timeline_frame
from reports.course.timeline_figure import draw_timeline
from reports.data.digest import Digest
from reports.html.figure import Card
from reports.html.section import Section, drawn


def search_section(digest: Digest, hypervolume: HypervolumeFrame | Card) -> Section:
    """Hypervolume, timeline, and what early stopping and probing saved."""
    savings = savings_frame(digest)
    return Section(
        "search",
        "How the search went",
        "Whether more trials would help: where the curve has long been flat, they would add little. "
        "Then what the workers did in the time, and what early stopping and probing saved.",
        [
            drawn(hypervolume, draw_hypervolume),
            drawn(timeline_frame(digest), draw_timeline),
            drawn(savings, draw_savings),
            drawn(stops_frame(digest.study), draw_stops),
        ],
        below=reasons_html(savings),
    )
