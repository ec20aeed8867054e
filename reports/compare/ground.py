"""What studies can be compared in: the shared objectives, those left out and why, and warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.format.quantities import listed, number_text, quantity
from spikefront.nested import get
from spikefront.text import did_you_mean
from studies.accuracy import validation_text
from studies.errors import StudyError
from studies.model import Objective, Study, Trial
from studies.portable import EVERYWHERE
from studies.text import one_line

MOST = 8
"""At most this many studies, as colours and shapes distinguish no more."""

_DATA = ("data.name", "data.val_fraction", "data.events")
_OWN_DATA = frozenset({"folder", "npz"})
_AT_INFERENCE = ("measure.batch_size", "measure.threads")
_AT_EXIT = ("measure.exit_confidence",)
_MEASURED_AT = {
    "latency_ms": _AT_INFERENCE,
    "infer_memory_mib": _AT_INFERENCE,
    "exit_steps": _AT_EXIT,
    "exit_accuracy": _AT_EXIT,
}
"""Settings of the measurement on which a metric depends."""
_TRAINED_ON = (("optim.epochs", "epochs of a full training"), ("data.train_limit", "training images"))


@dataclass(frozen=True)
class Entrant:
    """A study in a comparison, under a name that no other has; `folder` is named in commands only."""

    name: str
    study: Study
    folder: Path = Path()


@dataclass(frozen=True)
class LeftOut:
    """An objective that is not compared, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Ground:
    """What is compared: the objectives that all studies share, in the order of the first study.

    left_out: the other objectives with reasons. warnings: differences that limit the comparison, a sentence
    each.
    """

    objectives: tuple[Objective, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]


def ground(entrants: Sequence[Entrant]) -> Ground:
    """What the studies can be compared in.

    Raises:
        StudyError: fewer than two studies or more than `MOST`, their data or validation splits are not the
            same, or they share no objective that holds on all their machines.
    """
    if not 2 <= len(entrants) <= MOST:
        most = f"{MOST} is the most that colours and shapes keep apart"
        raise StudyError(f"a comparison takes 2 to {MOST} studies, got {len(entrants)}; {most}")
    _require_same_data(entrants)
    reasons = {objective: _why_not(objective, entrants) for objective in _all_objectives(entrants)}
    shared = [
        _with_common_reference(objective, entrants) for objective, why in reasons.items() if why is None
    ]
    left_out = [LeftOut(objective.name, why) for objective, why in reasons.items() if why is not None]
    if not shared:
        lines = [f"  {one_line(omitted.name)}: {one_line(omitted.why, 400)}" for omitted in left_out] or [
            "  they have none"
        ]
        raise StudyError("\n".join(["the studies share no objective that can be compared", *lines]))
    return Ground(tuple(shared), tuple(left_out), tuple(_warnings(entrants)))


def settings_of(study: Study, field: str) -> list[Any]:
    """The different values of a config field over the trials, or the space's base where there is no trial.

    In the order of the trials; empty where neither has the field. None counts as a value where a trial has
    it.
    """
    configs: list[Mapping[str, Any]] = [trial.config for trial in _own_trials(study)]
    configs = configs or [study.info.space.get("base") or {}]
    values: list[Any] = []
    for config in configs:
        value = get(config, field)
        if value not in values and (value is not None or _has(config, field)):
            values.append(value)
    return values


def devices_of(study: Study) -> list[str]:
    """The device models on which the study's complete trials were measured, sorted."""
    return sorted(
        {trial.device for trial in _own_trials(study) if trial.device and trial.state == "complete"}
    )


def _own_trials(study: Study) -> list[Trial]:
    return [trial for trial in study.trials if trial.replicate_of is None]


def _has(config: Mapping[str, Any], field: str) -> bool:
    section, _, last = field.rpartition(".")
    holder = get(config, section) if section else config
    return isinstance(holder, Mapping) and last in holder


def _require_same_data(entrants: Sequence[Entrant]) -> None:
    fields = list(_DATA)
    if any(name in _OWN_DATA for entrant in entrants for name in settings_of(entrant.study, "data.name")):
        fields.append("data.root")
    lines = []
    for field in fields:
        known = [
            (entrant.name, values) for entrant in entrants if (values := settings_of(entrant.study, field))
        ]
        if not _agree(values for _, values in known):
            lines += [f"  {field}:", *(f"    {one_line(name)}: {_texts(values)}" for name, values in known)]
    if lines:
        head = "the studies saw different data, so their accuracies cannot be compared"
        raise StudyError("\n".join([head, *lines]))


def _all_objectives(entrants: Sequence[Entrant]) -> list[Objective]:
    """Every objective of every study, in the order of the first study that has it, each name once."""
    by_name: dict[str, Objective] = {}
    for entrant in entrants:
        for objective in entrant.study.info.objectives:
            by_name.setdefault(objective.name, objective)
    return list(by_name.values())


def _why_not(objective: Objective, entrants: Sequence[Entrant]) -> str | None:
    """Why an objective is not compared; None where it can be."""
    label = quantity(objective.name).label
    ways = {entrant.name: _direction(entrant.study, objective.name) for entrant in entrants}
    lacking = [name for name, way in ways.items() if way is None]
    if lacking:
        return f"{listed(lacking)} {'does' if len(lacking) == 1 else 'do'} not have it as an objective"
    if len(set(ways.values())) > 1:
        return (
            f"its direction differs: {_by_study(entrants, lambda study: [_direction(study, objective.name)])}"
        )
    devices = [devices_of(entrant.study) for entrant in entrants]
    if objective.name not in EVERYWHERE and len({name for values in devices for name in values}) > 1:
        return f"{label} holds on one device model only: {_by_study(entrants, devices_of)}"
    for field in _MEASURED_AT.get(objective.name, ()):
        if not _agree(values for entrant in entrants if (values := settings_of(entrant.study, field))):
            return f"it was measured at unlike {field}: {_by_setting(entrants, field)}"
    return None


def _direction(study: Study, name: str) -> str | None:
    return next((objective.direction for objective in study.info.objectives if objective.name == name), None)


def _with_common_reference(objective: Objective, entrants: Sequence[Entrant]) -> Objective:
    """The objective with the reference value that all studies with one agree on, else without."""
    given = {
        other.reference
        for entrant in entrants
        for other in entrant.study.info.objectives
        if other.name == objective.name and other.reference is not None
    }
    return Objective(objective.name, objective.direction, given.pop() if len(given) == 1 else None)


def _warnings(entrants: Sequence[Entrant]) -> list[str]:
    warnings = [
        f"The studies differ in {words} ({field}): {_by_setting(entrants, field)}. "
        "Part of the difference between them comes from that."
        for field, words in _TRAINED_ON
        if not all(field in (entrant.study.info.space.get("search") or {}) for entrant in entrants)
        and not _agree(values for entrant in entrants if (values := settings_of(entrant.study, field)))
    ]
    splits = [text for entrant in entrants if (text := validation_text(entrant.study))]
    if len(set(splits)) > 1:
        splits_of = _by_study(entrants, lambda study: list(filter(None, [validation_text(study)])))
        warnings.append(f"The validation splits are not the same: {splits_of}. Accuracies may not compare.")
    running = [
        entrant.name for entrant in entrants if any(t.state == "running" for t in entrant.study.trials)
    ]
    if running:
        verb = "has" if len(running) == 1 else "have"
        warnings.append(f"{listed(running)} {verb} not ended: trials are still running in the record.")
    return warnings


def _agree(settings: Iterable[list[Any]]) -> bool:
    """Whether the studies have the same values, whatever their order."""
    return len({tuple(sorted(map(repr, values))) for values in settings}) <= 1


def _by_setting(entrants: Sequence[Entrant], field: str) -> str:
    return _by_study(entrants, lambda study: settings_of(study, field))


def _by_study(entrants: Sequence[Entrant], values: Callable[[Study], Sequence[Any]]) -> str:
    return "; ".join(f"{entrant.name} {_texts(values(entrant.study))}" for entrant in entrants)


def _texts(values: Sequence[Any]) -> str:
    return listed([_text(value) for value in values]) or "not recorded"


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return number_text(value) if isinstance(value, (int, float)) else one_line(str(value))


def with_references(ground: Ground, given: Mapping[str, float]) -> Ground:
    """The same with the reference values that the user gave.

    Raises:
        StudyError: a name that is not compared.
    """
    names = [objective.name for objective in ground.objectives]
    for name in given:
        if name not in names:
            raise StudyError(
                f"--reference {one_line(name)}: not among the objectives that are compared, "
                f"{listed(names)}{did_you_mean(name, names)}"
            )
    objectives = tuple(
        Objective(objective.name, objective.direction, given.get(objective.name, objective.reference))
        for objective in ground.objectives
    )
    return Ground(objectives, ground.left_out, ground.warnings)
