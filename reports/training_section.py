"""How the networks learned."""

from __future__ import annotations

from reports.curves import curves_frame, draw_curves
from reports.digest import Digest
from reports.section import Section, drawn


def training_section(digest: Digest) -> Section:
    """Curves by epoch."""
    return Section(
        "training",
        "Training",
        "How each trial learned; the front in colour.",
        [drawn(curves_frame(digest), draw_curves)],
    )
