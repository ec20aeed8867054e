"""How the networks learned."""

from __future__ import annotations

from reports.data.digest import Digest
from reports.html.section import Section, drawn
from reports.training.branches import heads_frame, layers_frame
from reports.training.branches_figure import draw_heads, draw_layers
from reports.training.curves import curves_frame
from reports.training.curves_figure import draw_curves
from reports.training.exits import exits_frame, steps_frame
from reports.training.exits_figure import draw_exits, draw_steps


def training_section(digest: Digest) -> Section:
    """Curves by epoch, what happens inside a network, and accuracy over time steps."""
    return Section(
        "training",
        "Training",
        "How each trial learned, the front in colour; then what happens inside one network, and what its "
        "first time steps are worth.",
        [
            drawn(curves_frame(digest), draw_curves),
            drawn(heads_frame(digest), draw_heads),
            drawn(layers_frame(digest), draw_layers),
            drawn(steps_frame(digest), draw_steps),
            drawn(exits_frame(digest), draw_exits),
        ],
    )
