"""Numbers from inside the networks by epoch: reliable samples of each head, firing rate of each layer."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from reports.data.digest import Digest
from reports.data.epochs import listed, ordered, row_heads
from reports.html.figure import Card
from studies.model import EpochRow


@dataclass(frozen=True)
class TrialsFrame:
    """front, others: the trials to choose from. n_epochs: by number, the last epoch of each."""

    front: list[int]
    others: list[int]
    n_epochs: dict[int, int]

    @property
    def first(self) -> int:
        """The trial that is shown first."""
        return [*self.front, *self.others][0]


@dataclass(frozen=True)
class HeadsFrame(TrialsFrame):
    """heads: every head of the trials, branches by their stage, the network last.

    by_trial: by number, the heads a trial has.
    """

    heads: list[str]
    by_trial: dict[int, list[str]]


@dataclass(frozen=True)
class LayersFrame(TrialsFrame):
    """n_layers, highest: by number, of each trial; `highest` is its largest rate."""

    n_layers: dict[int, int]
    highest: dict[int, float]


def heads_frame(digest: Digest) -> HeadsFrame | Card:
    """The frame of the listed trials with branches, or why there is none."""
    trials = {trial.number: trial for trial in digest.study.trials}
    by_number = listed(digest)
    by_trial = {}
    for number, recorded in by_number.items():
        rows = [row for row in recorded if any(map(math.isfinite, row.reliable_share))]
        if rows:
            by_trial[number] = row_heads(trials[number], rows[-1])
    if not by_trial:
        has_rows = bool(digest.study.epochs)
        why = "No listed trial has branches, so no head is judged." if has_rows else "No epoch was recorded."
        return Card("Reliable samples by head", why)
    heads = ordered([dict.fromkeys(names, 0.0) for names in by_trial.values()])
    return HeadsFrame(*_trials(digest, by_number, by_trial), heads, by_trial)


def layers_frame(digest: Digest) -> LayersFrame | Card:
    """The frame of the listed trials with firing rates, or why there is none."""
    by_number = listed(digest)
    rates = {number: _rates(rows) for number, rows in by_number.items()}
    highest = {number: max(trial_rates) for number, trial_rates in rates.items() if trial_rates}
    if not highest:
        why = "No firing rate was recorded." if digest.study.epochs else "No epoch was recorded."
        return Card("Firing rate by layer", why)
    n_layers = {number: max(len(row.firing_rate) for row in by_number[number]) for number in highest}
    return LayersFrame(*_trials(digest, by_number, highest), n_layers, highest)


def _rates(rows: list[EpochRow]) -> list[float]:
    """All rates of a trial that are numbers."""
    return [rate for row in rows for rate in row.firing_rate if math.isfinite(rate)]


def _trials(
    digest: Digest, by_number: dict[int, list[EpochRow]], numbers: Collection[int]
) -> tuple[list[int], list[int], dict[int, int]]:
    """The fields of a TrialsFrame."""
    on_front = {trial.number for trial in digest.front}
    front = [number for number in numbers if number in on_front]
    others = [number for number in numbers if number not in on_front]
    return front, others, {number: by_number[number][-1].epoch for number in numbers}
