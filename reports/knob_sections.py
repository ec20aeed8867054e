"""What the settings did: which knobs mattered, and which settings the good trials share."""

from __future__ import annotations

from functools import partial

from reports.digest import Digest
from reports.importance import SOURCE, draw_importance, importance_frame
from reports.parallel import draw_parallel, parallel_frame
from reports.section import Section, drawn


def knob_sections(digest: Digest) -> list[Section]:
    """The sections about knobs, in their order."""
    return [_everything(digest), _importance(digest)]


def _everything(digest: Digest) -> Section:
    return Section(
        "trials",
        "All finished trials",
        "Which settings the good ones share.",
        [drawn(parallel_frame(digest), draw_parallel)],
    )


def _importance(digest: Digest) -> Section:
    parts = [
        drawn(importance_frame(digest, objective), partial(draw_importance, figure_id=f"importance-{place}"))
        for place, objective in enumerate(digest.objectives, start=1)
    ]
    return Section("importance", "Which knobs mattered", SOURCE, parts, grid="grid thirds")
