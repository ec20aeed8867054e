"""The epochs in the page's data: curves of all trials, and numbers by head and layer of some trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.data.digest import Digest, loss
from reports.format.quantities import significant
from spikefront.nested import get
from studies.model import EpochRow, Trial

MOST_LISTED = 40
MOST_NUMBERS = 200_000
"""Numbers by head and layer are kept for at most this many trials, and this many numbers in all."""

NETWORK = "network"
"""The head of the spiking network itself; the others are named by the stage their branch begins at."""


def curves(digest: Digest) -> dict[str, list[Any]]:
    """`number`, `epoch` and the curves of all epochs, by trial and epoch, to six digits.

    reliable_share: the mean over the branches; null where there are none.
    """
    rows = sorted(digest.study.epochs, key=lambda row: (row.number, row.epoch))
    return {
        "number": [row.number for row in rows],
        "epoch": [row.epoch for row in rows],
        "val_accuracy": [_short(row.val_accuracy) for row in rows],
        "train_loss": [_short(row.train_loss) for row in rows],
        "reliable_share": [_short(mean_share(row)) for row in rows],
    }


def mean_share(row: EpochRow) -> float | None:
    """The share of reliable samples of one epoch, averaged over the heads; None where there are none."""
    return sum(row.reliable_share) / len(row.reliable_share) if row.reliable_share else None


def lists(digest: Digest) -> dict[str, list[Any]]:
    """`number`, `reliable_share.<head>` and `firing_rate.<layer>`: all epochs of the listed trials.

    In the order of `curves`, to three digits; null where a trial has no such head or layer. Layers count
    from 1.
    """
    rows = [row for trial_rows in listed(digest).values() for row in trial_rows]
    trials = {trial.number: trial for trial in digest.study.trials}
    shares = [dict(zip(row_heads(trials[row.number], row), row.reliable_share, strict=True)) for row in rows]
    n_layers = max((len(row.firing_rate) for row in rows), default=0)
    return {
        "number": [row.number for row in rows],
        **{
            f"reliable_share.{head}": [_short(share.get(head), 3) for share in shares]
            for head in ordered(shares)
        },
        **{
            f"firing_rate.{layer + 1}": [
                _short(row.firing_rate[layer], 3) if layer < len(row.firing_rate) else None for row in rows
            ]
            for layer in range(n_layers)
        },
    }


def listed(digest: Digest) -> dict[int, list[EpochRow]]:
    """The trials whose numbers by head and layer are in the page, with their epochs.

    Front first, then the measured ones, best first. At most `MOST_LISTED` trials with at most `MOST_NUMBERS`
    numbers, but the first one in any case.
    """
    by_number: dict[int, list[EpochRow]] = {}
    for row in digest.study.epochs:
        by_number.setdefault(row.number, []).append(row)
    kept: dict[int, list[EpochRow]] = {}
    n_numbers = 0
    for trial in _by_interest(digest):
        rows = sorted(by_number.get(trial.number, []), key=lambda row: row.epoch)
        size = sum(len(row.reliable_share) + len(row.firing_rate) for row in rows)
        n_numbers += size
        if size and (not kept or n_numbers <= MOST_NUMBERS):
            kept[trial.number] = rows
        if len(kept) == MOST_LISTED or n_numbers > MOST_NUMBERS:
            break
    return kept


def row_heads(trial: Trial, row: EpochRow) -> list[str]:
    """The names of the heads of `reliable_share`: the branches' stages, then `NETWORK`.

    Numbered in their order where the config does not name as many.
    """
    n_heads = len(row.reliable_share)
    branches = get(trial.config, "distillation.branches")
    if isinstance(branches, Sequence) and not isinstance(branches, str) and len(branches) == n_heads - 1:
        return [*(str(stage) for stage in branches), NETWORK]
    return [str(place + 1) for place in range(n_heads)]


def ordered(shares: Sequence[dict[str, float]]) -> list[str]:
    """All heads that occur, branches in order of their stage, the network last."""
    names = {name for share in shares for name in share}
    return sorted(names, key=lambda name: (name == NETWORK, len(name), name))


def _by_interest(digest: Digest) -> list[Trial]:
    rest = digest.dominated
    if digest.objectives:
        first = digest.objectives[0]
        rest = tuple(sorted(rest, key=lambda trial: (loss(trial, first), trial.number)))
    ranked = {trial.number for trial in (*digest.front, *rest)}
    return [*digest.front, *rest, *(trial for trial in digest.study.trials if trial.number not in ranked)]


def _short(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else significant(value, digits)
