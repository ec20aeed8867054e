"""How the search went."""

from __future__ import annotations

from reports.digest import Digest
from reports.figure import Card
from reports.hypervolume import HypervolumeFrame, draw_hypervolume
from reports.section import Section, drawn


def search_section(digest: Digest, hypervolume: HypervolumeFrame | Card) -> Section:
    """Whether more trials would help, and what was done in the time."""
    return Section(
        "search",
        "How the search went",
        "Whether more trials would help: where the curve has long been flat, they would add little.",
        [drawn(hypervolume, draw_hypervolume)],
    )
