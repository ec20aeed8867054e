"""The sections of the page, in their order; each room of figures has a file that makes its own."""

from __future__ import annotations

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


def sections(digest: Digest, hypervolume: HypervolumeFrame | Card, run_folder: Path) -> list[Section]:
    """All sections of a report; every figure that cannot be made is a card."""
    finals = finals_section(digest, run_folder)
    return [
        *front_sections(digest, run_folder),
        *([finals] if finals else []),
        search_section(digest, hypervolume),
        *knob_sections(digest),
        training_section(digest),
    ]
