"""The attributes of a whole study, kept in its storage as one Optuna attribute; the space file is not
needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

import optuna
from pydantic import TypeAdapter

from search.config_key import fingerprint
from search.constraints import Bounds
from search.errors import SearchError
from search.options import KEEP_CHECKPOINTS, KeepCheckpoints
from spaces.space import Space
from spikefront.shapes import checked
from spikefront.text import cut
from studies.model import Objective, StudyInfo, StudyRun
from studies.runs import changes

ATTRIBUTE = "study"
VERSION = 2
"""Of what a study keeps in its storage: raised where an older SpikeFront would misread it.

1: as begun before the number was kept. 2: with the runs of the study.
"""
MAX_RUNS = 30
"""An attribute must stay small: MySQL's column for it holds 64 KiB."""
FIXED_PARTS = ("base", "search", "objectives", "constraints", "fidelity")
"""The parts of a space a resume may not change; budget, sampler and resources may."""


@dataclass(frozen=True)
class Run:
    """One run of a study: when it began (ISO 8601), where, and with which versions."""

    started_at: str | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> StudyRun:
        """As the record of the study holds it."""
        return StudyRun(parse_time(self.started_at), self.machine, self.versions)


@dataclass(frozen=True)
class StudyAttributes:
    """name: of the study. space: as resolved, plain values. hash: of its fixed parts. checkpoints: the
    place the user chose for them, None for the run folder. keep_checkpoints: of which finished trials.
    machine, versions: of the first run; runs: all of them. unknown: fields that a later SpikeFront has
    written, kept as they are."""

    name: str
    space: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    limits: Mapping[str, Bounds]
    hash: str
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    started_at: str | None = None
    finished_at: str | None = None
    checkpoints: str | None = None
    keep_checkpoints: KeepCheckpoints = KEEP_CHECKPOINTS
    runs: tuple[Run, ...] = ()
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, space: Space) -> StudyAttributes:
        """A study of this space that starts now."""
        plain = plain_space(space)
        return cls(
            name=name,
            space=plain,
            objectives=tuple(
                Objective(key, objective.direction, objective.reference)
                for key, objective in space.objectives.items()
            ),
            limits={key: Bounds(limit.max, limit.min) for key, limit in space.constraints.items()},
            hash=fingerprint(fixed_parts(plain)),
            started_at=datetime.now(UTC).isoformat(),
        )

    @classmethod
    def read(cls, study: optuna.Study) -> StudyAttributes | None:
        """What the storage holds; None when the driver died before it was written.

        Raises:
            SearchError: it is of a newer version, or damaged.
        """
        kept = study.user_attrs.get(ATTRIBUTE)
        if kept is None:
            return None
        version = kept.get("version", 1) if isinstance(kept, dict) else None
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise SearchError(f"study {study.study_name!r}: damaged in its storage: version {version!r}")
        if version > VERSION:
            raise SearchError(
                f"study {study.study_name!r}: written by a newer SpikeFront (storage version {version}, "
                f"this one reads up to {VERSION}); install the newer one to continue it"
            )
        known = {field.name for field in fields(cls)} - {"unknown"}
        unknown = {name: value for name, value in kept.items() if name not in known | {"version"}}
        try:
            attributes = checked(_SHAPE, {**kept, "unknown": unknown})
            times = [
                attributes.started_at,
                attributes.finished_at,
                *(run.started_at for run in attributes.runs),
            ]
            _require_zones(map(parse_time, times))
        except ValueError as error:
            raise SearchError(
                f"study {study.study_name!r}: damaged in its storage: {cut(str(error), 300)}"
            ) from error
        first = Run(attributes.started_at, attributes.machine, attributes.versions)
        return attributes if "runs" in kept else replace(attributes, runs=(first,))

    @classmethod
    def of_begun(cls, study: optuna.Study) -> StudyAttributes:
        """As `read`, of a study that was begun as a whole."""
        attributes = cls.read(study)
        assert attributes is not None, f"study {study.study_name!r} has no attribute"
        return attributes

    def write(self, study: optuna.Study) -> None:
        """Keep this in the storage, as one record."""
        values = asdict(self)
        study.set_user_attr(ATTRIBUTE, {**values.pop("unknown"), **values, "version": VERSION})

    def with_space(self, space: Space) -> StudyAttributes:
        """The same study, resumed with a space whose budget, sampler or resources may differ."""
        return replace(self, space=plain_space(space), finished_at=None)

    def continued(self, run: Run) -> StudyAttributes:
        """The same study, in a further run. Of very many the first and the latest are kept."""
        runs = (*self.runs, run)
        return replace(self, runs=runs if len(runs) <= MAX_RUNS else (runs[0], *runs[1 - MAX_RUNS :]))

    def changes(self) -> list[str]:
        """What differs between this run and the one before it, for the user."""
        runs = [run.record() for run in self.runs[-2:]]
        return changes(*runs) if len(runs) == 2 else []

    def finished(self, at: str | None = None) -> StudyAttributes:
        """The same study, which has ended: now, or at the given time."""
        return replace(self, finished_at=at or datetime.now(UTC).isoformat())

    def info(self) -> StudyInfo:
        """As the record of the study holds it."""
        return StudyInfo(
            name=self.name,
            space=self.space,
            objectives=self.objectives,
            machine=self.machine,
            versions=self.versions,
            started_at=parse_time(self.started_at),
            finished_at=parse_time(self.finished_at),
            runs=tuple(run.record() for run in self.runs),
        )


def plain_space(space: Space) -> dict[str, Any]:
    """The space as JSON would give it back, so that a stored one and a fresh one compare equal."""
    plain: dict[str, Any] = json.loads(json.dumps(space.as_dict()))
    return plain


def fixed_parts(space: Mapping[str, Any]) -> dict[str, Any]:
    """What a resume may not change of a plain space."""
    return {part: space.get(part) for part in FIXED_PARTS}


def parse_time(text: str | None) -> datetime | None:
    """A time as the storage keeps it (ISO 8601 with a zone), or None."""
    return datetime.fromisoformat(text) if text else None


def _require_zones(times: Iterable[datetime | None]) -> None:
    if any(time is not None and time.tzinfo is None for time in times):
        raise ValueError("a time needs a time zone")


_SHAPE = TypeAdapter(StudyAttributes)
