"""What noise and quiet measurements say about a front, in sentences; for the terminal and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from studies.model import Study, Trial
from studies.noise import Near, Noise, noises
from studies.pareto import front
from studies.replicates import spreads
from studies.text import listed, named_trials, number, unit
from studies.timings import QuietFront, is_disturbed, measured_again, quiet_front, quiet_timing, timing

Label = Callable[[str], str]
"""What a metric is called: its name in the terminal, its words in the report."""


def quiet_remarks(study: Study, label: Label = str) -> list[str]:
    """What the quiet measurements change, a sentence each without a full stop; none where there are none."""
    remarks = []
    for name in measured_again(study):
        disturbed = [trial for trial in front(study) if is_disturbed(trial, name)]
        if disturbed:
            verb = "was" if len(disturbed) == 1 else "were"
            numbers = named_trials([trial.number for trial in disturbed])
            remarks.append(
                f"the search's {label(name)} of {numbers} {verb} disturbed: "
                f"with the machine quiet {_largest(disturbed, name)}, beyond the quartiles"
            )
    found = quiet_front(study)
    return remarks if found is None else [*remarks, _front_remark(study, found, label)]


def noise_remark(study: Study, label: Label = str) -> str:
    """How much noise each objective has and where that is known from; "" where no noise is known."""
    known = [_noise_words(noise, label) for noise in noises(study) if noise.source != "none"]
    if not known:
        return ""
    rest = "" if spreads(study) else "; without replicates the other objectives count as exact"
    return f"noise: {listed(known)}{rest}"


def near_remark(near: Sequence[Near]) -> str:
    """The trials within the noise of the front; "" without any."""
    if not near:
        return ""
    numbers = named_trials([one.trial.number for one in near])
    return f"within the noise of the front: {numbers}"


def _noise_words(noise: Noise, label: Label) -> str:
    if noise.source == "timings":
        return f"{label(noise.objective)} ± {100 * noise.typical:.2g} % (quartiles)"
    told = f"sd {number(noise.objective, noise.typical)} {_step(noise.objective)}".rstrip()
    return f"{label(noise.objective)} {told} (replicates)"


def _step(name: str) -> str:
    """The unit of a difference: points between percentages."""
    return "points" if unit(name) == "%" else unit(name)


def _largest(trials: list[Trial], name: str) -> str:
    """The largest change from the search's to the quiet median: "up to 35 % less"."""
    pairs = [(timing(trial, name), quiet_timing(trial, name)) for trial in trials]
    shares = [quiet.median / own.median - 1 for own, quiet in pairs if own and quiet and own.median]
    share = max(shares, key=abs, default=0.0)
    most = "up to " if len(shares) > 1 else ""
    return f"it is {most}{100 * abs(share):.2g} % {'lower' if share < 0 else 'higher'}"


def _front_remark(study: Study, found: QuietFront, label: Label) -> str:
    changes = []
    if found.left:
        changes.append(f"{named_trials(found.left)} would not be on the front")
    if found.joined:
        changes.append(f"{named_trials(found.joined)} would be on the front")
    if found.knee is not None:
        changes.append(f"the knee would be trial {found.knee}")
    told = listed(changes) or f"{_whose(study, found)} would stay as it is"
    return f"with quiet {listed([label(name) for name in found.names])} {told}"


def _whose(study: Study, found: QuietFront) -> str:
    again = [t for t in front(study) if all(quiet_timing(t, name) is not None for name in found.names)]
    n_all = len(front(study))
    return (
        "the front"
        if len(again) == n_all
        else f"the part of the front that was measured again ({len(again)} of {n_all})"
    )
