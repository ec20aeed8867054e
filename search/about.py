"""What holds for a whole study, as its storage keeps it: one attribute, read back without the space file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import optuna

from search.identity import fingerprint
from search.limits import Bounds
from search.options import KEEP_CHECKPOINTS, KeepCheckpoints
from spaces.space import Space
from studies.model import Objective, StudyInfo

ATTRIBUTE = "study"
FIXED_PARTS = ("base", "search", "objectives", "constraints", "fidelity")
"""The parts of a space a resume may not change; budget, sampler and resources may."""


@dataclass(frozen=True)
class About:
    """name: of the study. space: as resolved, plain values. hash: of its fixed parts. checkpoints: the
    place the user chose for them, None for the run folder. keep_checkpoints: of which finished trials."""

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

    @classmethod
    def of(cls, name: str, space: Space) -> About:
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
    def read(cls, study: optuna.Study) -> About | None:
        """What the storage holds; None when the driver died before it was written."""
        kept = study.user_attrs.get(ATTRIBUTE)
        if kept is None:
            return None
        return cls(
            **{
                **kept,
                "objectives": tuple(Objective(**objective) for objective in kept["objectives"]),
                "limits": {key: Bounds(**bounds) for key, bounds in kept["limits"].items()},
            }
        )

    @classmethod
    def of_begun(cls, study: optuna.Study) -> About:
        """As `read`, of a study that was begun as a whole."""
        about = cls.read(study)
        assert about is not None, f"study {study.study_name!r} has no attribute"
        return about

    def write(self, study: optuna.Study) -> None:
        """Keep this in the storage, as one record."""
        study.set_user_attr(ATTRIBUTE, asdict(self))

    def with_space(self, space: Space) -> About:
        """The same study, resumed with a space whose budget, sampler or resources may differ."""
        return replace(self, space=plain_space(space), finished_at=None)

    def finished(self, at: str | None = None) -> About:
        """The same study, which has ended: just now, or when it is told."""
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
