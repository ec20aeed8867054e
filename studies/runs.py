"""The runs of a study, each with its machine and versions, and what changed from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studies.model import StudyInfo, StudyRun
from studies.text import one_line

_MOST_CHANGES = 6


def changes(before: StudyRun, after: StudyRun) -> list[str]:
    """What differs between two runs, versions first: "torch 2.11.0 instead of 2.10.0"."""
    texts = [
        f"{name} {_value(new)} instead of {_value(old)}"
        for earlier, later in ((before.versions, after.versions), (before.machine, after.machine))
        for name, old, new in _different(earlier, later)
    ]
    n_more = len(texts) - _MOST_CHANGES
    return texts if n_more <= 0 else [*texts[:_MOST_CHANGES], f"{n_more} more"]


def run_lines(info: StudyInfo) -> list[str]:
    """A line for each resume with other versions or on another machine than the run before it."""
    lines = []
    for before, after in zip(info.runs, info.runs[1:], strict=False):
        texts = changes(before, after)
        if texts:
            when = f" on {after.started_at:%Y-%m-%d %H:%M} UTC" if after.started_at else ""
            lines.append(f"continued{when} with {', '.join(texts)}")
    return lines


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[tuple[str, Any, Any]]:
    names = dict.fromkeys([*before, *after])
    return [
        (name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    ]


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return one_line(", ".join(map(str, value)) or "none", 60)
    return one_line(str(value), 60)
