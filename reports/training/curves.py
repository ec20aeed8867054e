"""Training curves: validation accuracy, loss, and the share of reliable samples, by epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.data.axes import LOG_FROM_RATIO
from reports.data.digest import Digest
from reports.data.epochs import mean_share
from reports.html.figure import Card

MOST_DRAWN = 60
"""At most this many front trials are drawn; with hundreds each change of the figure takes seconds."""


@dataclass(frozen=True)
class CurvesFrame:
    """Which curves are drawn.

    panels: the quantities, from top to bottom; the reliable share only if some trial has one.
    front: numbers of front trials with epochs, best first objective first, at most `MOST_DRAWN`.
    n_left_out: how many more there are. others: the numbers of all other trials.
    loss_span: lowest and highest loss as log10 where its axis is logarithmic, else None.
    """

    panels: list[str]
    front: list[int]
    n_left_out: int
    others: list[int]
    max_epoch: int
    loss_span: tuple[float, float] | None


def curves_frame(digest: Digest) -> CurvesFrame | Card:
    """The frame of all recorded epochs, or why there is none."""
    rows = digest.study.epochs
    if not rows:
        return Card("Training curves", "No epoch was recorded.")
    with_epochs = {row.number for row in rows}
    front = [trial.number for trial in digest.front if trial.number in with_epochs]
    losses = [row.train_loss for row in rows if math.isfinite(row.train_loss)]
    shares = [share for row in rows if (share := mean_share(row)) is not None and math.isfinite(share)]
    if not (shares or losses or any(math.isfinite(row.val_accuracy) for row in rows)):
        return Card("Training curves", "No accuracy or loss of the recorded epochs is a number.")
    spread = bool(losses) and max(losses) > LOG_FROM_RATIO * min(losses) > 0
    return CurvesFrame(
        panels=["val_accuracy", "train_loss", *(["reliable_share"] if shares else [])],
        front=front[:MOST_DRAWN],
        n_left_out=len(front[MOST_DRAWN:]),
        others=digest.others,
        max_epoch=max(row.epoch for row in rows),
        loss_span=(math.log10(min(losses)), math.log10(max(losses))) if spread else None,
    )
