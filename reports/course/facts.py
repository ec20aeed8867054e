"""The facts at the head of the page: data set, model, search, budget, seeds, machine, versions, date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from reports.course.outcomes import WORDS, by_state
from reports.data.digest import Digest
from reports.format.quantities import DATA_SETS, NO_BREAK, counted, listed, number_text
from reports.format.study_time import study_clock, utc
from spikefront.nested import get
from spikefront.text import duration
from studies.accuracy import validation_text
from studies.model import Study, Trial
from studies.runs import run_lines

_MACHINE = ("cpu", "cores", "memory_gib", "devices", "os")
_UNKNOWN = "not recorded"


def facts(digest: Digest) -> list[tuple[str, str]]:
    """Label and text of each fact, in the order in which the page shows them."""
    study = digest.study
    return [
        ("Data set", data_set(digest)),
        ("Model", model(digest)),
        ("Searched", searched(digest)),
        ("Budget used", budget(digest)),
        ("Seed", seeds(digest)),
        ("Machine", machine(study)),
        ("Versions", versions(study)),
        *(("Then", line) for line in run_lines(study.info)),
        ("Date", date(digest.recorded)),
    ]


def data_set(digest: Digest) -> str:
    """The data set with its validation split, as far as it was recorded.

    For example "Digits, 10 % of the training images held out: 144 samples, largest class 10.42 %".
    """
    names = [DATA_SETS.get(str(name), str(name)) for name in _found(digest.study, "data.name")]
    parts = [listed(names) or _UNKNOWN]
    limits = _found(digest.study, "data.train_limit")
    parts += [f"{number_text(limit)} training images" for limit in limits]
    shares = [share for share in _found(digest.study, "data.val_fraction") if isinstance(share, (int, float))]
    if len(shares) == 1:
        parts.append(f"{number_text(100 * shares[0])}{NO_BREAK}% of the training images held out")
    validation = validation_text(digest.study)
    return ", ".join(parts) + (f": {validation}" if validation else "")


def model(digest: Digest) -> str:
    """The network and the fields that decide its size, where these are the same in every trial."""
    names = listed([str(name) for name in _found(digest.study, "model.arch")])
    parts = [f"spiking {names}" if names else _UNKNOWN]
    for field, words in (("model.width", "width"), ("T", "T ="), ("gradient", "gradient")):
        values = _found(digest.study, field)
        if len(values) == 1 and field not in {param.name for param in digest.params}:
            parts.append(f"{words} {number_text(values[0])}")
    return ", ".join(parts)


def searched(digest: Digest) -> str:
    """The number of params and their short names."""
    if not digest.params:
        return "nothing"
    return f"{counted(len(digest.params), 'param')}: {', '.join(param.label for param in digest.params)}"


def budget(digest: Digest) -> str:
    """Trials by state and their epochs, replicates and theirs, wall time and how much of it was paused."""
    study, again = digest.study, _replicates(digest)
    states = [f"{count:,} {WORDS[state]}" for state, count in by_state(study).items()]
    planned = get(study.info.space, "budget.trials")
    n_trials = counted(len(study.trials), "trial")
    of = f"{len(study.trials):,} of {counted(planned, 'trial')}" if isinstance(planned, int) else n_trials
    parts = [f"{of} ({', '.join(states)})" if states else of]
    parts.append(_epochs(study.trials))
    if again:
        parts.append(f"{counted(len(again), 'replicate')} ({_epochs(again)})")
    start, end = _span(digest.recorded)
    if start and end:
        parts.append(duration((end - start).total_seconds()) + _paused(digest.recorded, end - start))
    return ", ".join(parts)


def seeds(digest: Digest) -> str:
    """The sampler's seed, those of the trainings, and those of the replicates."""
    study = digest.study
    sampler, name = get(study.info.space, "sampler.seed"), get(study.info.space, "sampler.name")
    parts = [] if sampler is None else [f"{sampler} for the sampler" + (f" ({name})" if name else "")]
    for trials, what in ((study.trials, "training"), (_replicates(digest), "replicates")):
        numbers = sorted({trial.seed for trial in trials})
        if numbers:
            shown = [str(seed) for seed in numbers[:5]] + ["…"] * (len(numbers) > 5)
            parts.append(f"{', '.join(shown)} for {what}")
    return ", ".join(parts) or _UNKNOWN


def machine(study: Study) -> str:
    """Processor, cores, memory, devices and system, as far as they were recorded."""
    recorded = study.info.machine
    parts = []
    for key in _MACHINE:
        value = recorded.get(key)
        if value in (None, "", [], (), ["cpu"]):
            continue
        if key == "cores":
            parts.append(counted(value, "core") if isinstance(value, int) else f"{value} cores")
        elif key == "memory_gib":
            parts.append(f"{number_text(value)}{NO_BREAK}GiB")
        else:
            parts.append(_flat(value))
    devices = sorted({trial.device for trial in study.trials if trial.device})
    if devices:
        cpu_names = {"cpu", f"cpu: {recorded.get('cpu')}"}
        parts.append(f"trials ran on {'the CPU' if cpu_names.issuperset(devices) else listed(devices)}")
    return ", ".join(parts) or _UNKNOWN


def versions(study: Study) -> str:
    """Each recorded program with its version."""
    return ", ".join(f"{name} {version}" for name, version in study.info.versions.items()) or _UNKNOWN


def date(study: Study) -> str:
    """When the study ran, in UTC: "21 November 2025, 09:24 to 09:31 UTC"."""
    start, end = _span(study)
    if start is None:
        return _UNKNOWN
    text = _day_and_time(start)
    if end is not None:
        same_day = start.date() == end.date()
        text += f" to {end:%H:%M}" if same_day else f" to {_day_and_time(end)}"
    return f"{text} UTC"


def _replicates(digest: Digest) -> list[Trial]:
    return [trial for trial in digest.recorded.trials if trial.replicate_of is not None]


def _paused(study: Study, wall: timedelta) -> str:
    """How much of the wall time was pauses, as in the timeline; "" without pauses."""
    clock = study_clock(study)
    paused = sum(length for _, length in clock.cuts) if clock else 0
    return f", of which {duration(paused)} paused" if 0 < paused <= wall.total_seconds() else ""


def _epochs(trials: Sequence[Trial]) -> str:
    return counted(sum(trial.epochs_trained for trial in trials), "epoch")


def _span(study: Study) -> tuple[datetime | None, datetime | None]:
    starts = _times([study.info.started_at, *(trial.started_at for trial in study.trials)])
    ends = _times([study.info.finished_at]) or _times(trial.finished_at for trial in study.trials)
    return min(starts, default=None), max(ends, default=None)


def _times(values: Iterable[datetime | None]) -> list[datetime]:
    return [utc(value) for value in values if value is not None]


def _day_and_time(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def _found(study: Study, field: str) -> list[Any]:
    """The different values of a config field over all trials, or the space's own where there is no trial."""
    configs: list[Mapping[str, Any]] = [trial.config for trial in study.trials]
    configs = configs or [study.info.space.get("base") or {}]
    values = (get(config, field) for config in configs)
    different = {repr(value): value for value in values if value is not None}
    return list(different.values())


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(item) for item in value)
    return str(value)
