"""Sentences on the noise and the quiet measurements of a front, for the terminal and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from studies.model import Study, Trial
from studies.noise import NearTrial, Noise, noises
from studies.pareto import front
from studies.replicates import spreads
from studies.text import listed, named_trials, number, unit
from studies.timings import (
    QuietFront,
    is_disturbed,
    measured_again,
    quiet_front,
    quiet_timing,
    timing,
    undisturbed_timing,
)

Label = Callable[[str], str]
"""Gives the name of a metric: itself in the terminal, its words in the report."""


def quiet_remarks(study: Study, label: Label = str) -> list[str]:
    """What the quiet measurements change, sentences without a full stop; empty without such measurements."""
    remarks = []
    for name in measured_again(study):
        disturbed = [trial for trial in front(study) if is_disturbed(trial, name)]
        if disturbed:
            numbers = named_trials([trial.number for trial in disturbed])
            remarks.append(
                f"the search's {label(name)} of {numbers} was disturbed: "
                f"with the machine quiet it is {_changes(disturbed, name)}, beyond the quartiles"
            )
    remarks += _busy_remarks(study)
    changed_front = quiet_front(study)
    return remarks if changed_front is None else [*remarks, _front_remark(study, changed_front, label)]


def noise_remark(study: Study, label: Label = str) -> str:
    """How much noise each objective has and how that was estimated; "" if no noise is known."""
    known = [_noise_words(noise, label) for noise in noises(study) if noise.source != "none"]
    if not known:
        return ""
    rest = "" if spreads(study) else "; without replicates the other objectives count as exact"
    return f"noise: {listed(known)}{rest}"


def near_remark(near: Sequence[NearTrial]) -> str:
    """The trials within the noise of the front; "" without any."""
    if not near:
        return ""
    numbers = named_trials([near_trial.trial.number for near_trial in near])
    return f"within the noise of the front: {numbers}"


def _noise_words(noise: Noise, label: Label) -> str:
    if noise.source == "timings":
        return f"{label(noise.objective)} ± {100 * noise.typical:.2g} % (quartiles)"
    words = f"sd {number(noise.objective, noise.typical)} {_step(noise.objective)}".rstrip()
    return f"{label(noise.objective)} {words} (replicates)"


def _step(name: str) -> str:
    """The unit of a difference: points between percentages."""
    return "points" if unit(name) == "%" else unit(name)


def _busy_remarks(study: Study) -> list[str]:
    """The trials of the front whose second measurement was not quiet either."""
    again = measured_again(study)
    busy = [
        trial
        for trial in front(study)
        if any(quiet_timing(trial, name) and not undisturbed_timing(trial, name) for name in again)
    ]
    if not busy:
        return []
    numbers = named_trials([trial.number for trial in busy])
    return [
        f"the quiet measurement of {numbers} is doubtful: the machine was busy with something else then, so "
        "nothing is concluded from it"
    ]


def _changes(trials: Sequence[Trial], name: str) -> str:
    """The largest change from the search's to the quiet median each way: "up to 35 % lower".

    If both ways occur, each with its trials: "72 % lower in trial 1 and 37 % higher in trial 2".
    """
    by_way: dict[str, list[tuple[int, float]]] = {"lower": [], "higher": []}
    for trial in trials:
        in_search, quiet = timing(trial, name), quiet_timing(trial, name)
        if in_search and quiet and in_search.median:
            share = quiet.median / in_search.median - 1
            by_way["lower" if share < 0 else "higher"].append((trial.number, abs(share)))
    ways = {way: changes for way, changes in by_way.items() if changes}
    clauses = []
    for way, changes in ways.items():
        most = "up to " if len(changes) > 1 else ""
        whose = f" in {named_trials([number for number, _ in changes])}" if len(ways) > 1 else ""
        clauses.append(f"{most}{100 * max(share for _, share in changes):.2g} % {way}{whose}")
    return listed(clauses) or "different"


def _front_remark(study: Study, changed_front: QuietFront, label: Label) -> str:
    changes = []
    if changed_front.left:
        changes.append(f"{named_trials(changed_front.left)} would not be on the front")
    if changed_front.joined:
        changes.append(f"{named_trials(changed_front.joined)} would be on the front")
    if changed_front.knee is not None:
        changes.append(f"the knee would be trial {changed_front.knee}")
    text = listed(changes) or f"{_whose(study, changed_front)} would stay as it is"
    return f"with quiet {listed([label(name) for name in changed_front.names])} {text}"


def _whose(study: Study, changed_front: QuietFront) -> str:
    n_all = len(front(study))
    part = f"the part of the front that was measured again in quiet ({changed_front.n_known} of {n_all})"
    return "the front" if changed_front.n_known == n_all else part
