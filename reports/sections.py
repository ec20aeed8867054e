"""The sections of the page, in their order; each room of figures has a file that makes its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports.digest import Digest
from reports.figure import Card
from reports.finals import finals_section
from reports.front_sections import front_sections
from reports.hypervolume import HypervolumeFrame
from reports.knob_sections import knob_sections
from reports.search_section import search_section
from reports.section import Section
from reports.training_section import training_section

LINKS = {
    "front": "Front",
    "budget": "Budgets",
    "table": "Table",
    "finals": "Finals",
    "search": "Search",
    "trials": "All trials",
    "importance": "Importance",
    "dependence": "Effects",
    "pairs": "Pairs",
    "method": "Method",
    "training": "Training",
}
"""By section, its word in the row of links: all of them together fit above the figures."""


def sections(digest: Digest, hypervolume: HypervolumeFrame | Card, run_folder: Path) -> list[Section]:
    """All sections of a report; every figure that cannot be made is a card."""
    finals = finals_section(digest, run_folder)
    found = [
        *front_sections(digest, run_folder),
        *([finals] if finals else []),
        search_section(digest, hypervolume),
        *knob_sections(digest),
        training_section(digest),
    ]
    return [replace(section, link=LINKS[section.id]) for section in found]
