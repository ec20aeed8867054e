"""The sections of the page, in their order; each folder of figures has a file that makes its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports.course.hypervolume import HypervolumeFrame
from reports.course.section import search_section
from reports.data.digest import Digest
from reports.front.sections import front_sections
from reports.html.figure import Card
from reports.html.section import Section
from reports.params.sections import param_sections
from reports.training.finals import finals_section
from reports.training.section import training_section

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
"""By section, its word in the row of links; short, so that all fit in one row."""


def sections(digest: Digest, hypervolume: HypervolumeFrame | Card, run_folder: Path) -> list[Section]:
    """All sections of a report; every figure that cannot be made is a card."""
    finals = finals_section(digest, run_folder)
    contents = [
        *front_sections(digest, run_folder),
        *([finals] if finals else []),
        search_section(digest, hypervolume),
        *param_sections(digest),
        training_section(digest),
    ]
    return [replace(section, link=LINKS[section.id]) for section in contents]
