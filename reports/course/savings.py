"""The epochs and seconds of training that early stopping and probing saved."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports.course.outcomes import without_numbers
from reports.data.digest import Digest
from reports.format.study_time import epoch_seconds
from reports.html.figure import Card
from spikefront.nested import get
from studies.model import Study, Trial

Kind = Literal["complete", "stopped", "refused", "broken"]
KINDS: tuple[Kind, ...] = ("complete", "stopped", "refused", "broken")


@dataclass(frozen=True)
class Part:
    """The finished trials of one kind.

    complete: trained to the end. stopped: by early stopping. refused: infeasible by a constraint before the
    first epoch. broken: infeasible later or for another reason, or failed.
    epochs: trained. left_out: epochs of their configs that were not trained.
    seconds, seconds_left_out: the same in seconds, by each trial's own mean seconds per epoch, over the
    trials that have epochs. n_untimed: how many have none.
    reasons: each reason with the number of its trials, numbers in it shown as "…", most frequent first.
    """

    kind: Kind
    n_trials: int
    epochs: int
    left_out: int
    seconds: float
    seconds_left_out: float
    n_untimed: int
    reasons: list[tuple[str, int]]


@dataclass(frozen=True)
class SavingsFrame:
    """parts: the kinds that occur. n_unknown: finished trials whose config names no number of epochs."""

    parts: list[Part]
    n_unknown: int

    @property
    def epochs(self) -> int:
        """Epochs trained by all trials."""
        return sum(part.epochs for part in self.parts)

    @property
    def epochs_in_full(self) -> int:
        """Epochs that training all trials to the end would have taken."""
        return sum(part.epochs + part.left_out for part in self.parts)

    def part(self, kind: Kind) -> Part | None:
        """The trials of one kind; None where there are none."""
        return next((part for part in self.parts if part.kind == kind), None)


def savings_frame(digest: Digest) -> SavingsFrame | Card:
    """The frame over all finished trials but replicates, or why there is none."""
    study = digest.study
    finished = [trial for trial in study.trials if trial.state != "running"]
    known = [trial for trial in finished if full_epochs(trial)]
    title = "Epochs trained and saved"
    if not finished:
        return Card(title, "No trial has finished.")
    if not known:
        return Card(title, "The configs name no number of epochs, so what was left out is not known.")
    groups: dict[Kind, list[Trial]] = defaultdict(list)
    for trial in known:
        groups[kind_of(trial)].append(trial)
    seconds = epoch_seconds(digest.recorded)
    rows = Counter(row.number for row in digest.recorded.epochs if math.isfinite(row.seconds))
    per_epoch = {number: total / rows[number] for number, total in seconds.items()}
    parts = [_part(kind, groups[kind], per_epoch) for kind in KINDS if kind in groups]
    return SavingsFrame(parts, len(finished) - len(known))


def kind_of(trial: Trial) -> Kind:
    """The kind of a finished trial, see `Part`."""
    if trial.state in ("complete", "stopped"):
        return "complete" if trial.state == "complete" else "stopped"
    is_limited = any(not violation <= 0 for violation in trial.constraints.values())
    is_early = trial.state == "infeasible" and trial.epochs_trained == 0
    return "refused" if is_early and is_limited else "broken"


def full_epochs(trial: Trial) -> int:
    """The epochs of the trial's config; 0 where it names none."""
    epochs = get(trial.config, "optim.epochs")
    return epochs if isinstance(epochs, int) and not isinstance(epochs, bool) and epochs > 0 else 0


def _part(kind: Kind, trials: Sequence[Trial], per_epoch: dict[int, float]) -> Part:
    missing = {trial.number: max(0, full_epochs(trial) - trial.epochs_trained) for trial in trials}
    timed = [trial for trial in trials if trial.number in per_epoch]
    reasons = Counter(without_numbers(trial.reason) for trial in trials if trial.reason)
    return Part(
        kind=kind,
        n_trials=len(trials),
        epochs=sum(trial.epochs_trained for trial in trials),
        left_out=sum(missing.values()),
        seconds=sum(per_epoch[trial.number] * trial.epochs_trained for trial in timed),
        seconds_left_out=sum(per_epoch[trial.number] * missing[trial.number] for trial in timed),
        n_untimed=len(trials) - len(timed),
        reasons=reasons.most_common(),
    )


@dataclass(frozen=True)
class StopsFrame:
    """counts: trials stopped early by the epoch they reached. n_epochs: the most epochs of their configs."""

    counts: dict[int, int]
    n_epochs: int


def stops_frame(study: Study) -> StopsFrame | Card:
    """The frame of the stopped trials, or why there is none."""
    stopped = [trial for trial in study.trials if trial.state == "stopped"]
    if not stopped:
        return Card("Stopped trials by the epoch they reached", "No trial was stopped early.")
    counts = Counter(trial.epochs_trained for trial in stopped)
    return StopsFrame(
        counts=dict(sorted(counts.items())),
        n_epochs=max(max(full_epochs(trial), trial.epochs_trained) for trial in stopped),
    )
