"""What differs between studies: their spaces, settings, machines and versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.compare.ground import Entrant, devices_of
from reports.format.quantities import number_text
from spikefront.nested import flattened
from studies.model import Study

NONE = "–"
"""The text of an entry that a study does not have."""

_WHOLE = frozenset({"search", "objectives", "constraints"})
"""Sections of a space whose entries are shown as one text each, not field by field."""


@dataclass(frozen=True)
class Difference:
    """An entry that is not the same in all studies: its name, and a text for each study."""

    what: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Differences:
    """The entries that differ, space before machine and versions; and how many entries are the same."""

    rows: tuple[Difference, ...]
    n_same: int


def differences(entrants: Sequence[Entrant]) -> Differences:
    """Compare everything recorded about the studies as a whole, except their names and times."""
    sides = [_described(entrant.study) for entrant in entrants]
    names = list(dict.fromkeys(name for side in sides for name in side))
    rows = [Difference(name, tuple(side.get(name, NONE) for side in sides)) for name in names]
    unlike = tuple(row for row in rows if len(set(row.texts)) > 1)
    return Differences(unlike, len(rows) - len(unlike))


def _described(study: Study) -> dict[str, str]:
    """Everything that holds for a whole study, as texts by dotted names."""
    entries: dict[str, str] = {}
    for section, content in study.info.space.items():
        if section != "name":
            entries |= _entries(str(section), content, is_whole=section in _WHOLE)
    entries["device models"] = ", ".join(devices_of(study)) or NONE
    entries |= _entries("machine", study.info.machine)
    entries |= {f"version of {name}": text for name, text in study.info.versions.items()}
    return entries


def _entries(name: str, content: Any, is_whole: bool = False) -> dict[str, str]:
    """The entries of a nested mapping by dotted names; where is_whole, one level deep only."""
    if is_whole and isinstance(content, Mapping):
        return {f"{name}.{key}": entry_text(item) for key, item in content.items()}
    return {key: entry_text(item) for key, item in flattened({name: content}).items()}


def entry_text(content: Any) -> str:
    """An entry of a space as one line: "int [1, 8]", "choice [none, reliable], when ..."."""
    if isinstance(content, Mapping):
        return ", ".join(f"{key} {entry_text(item)}" for key, item in content.items()) or NONE
    if isinstance(content, (list, tuple)):
        return f"[{', '.join(entry_text(item) for item in content)}]"
    if content is None:
        return "null"
    return number_text(content) if isinstance(content, (bool, int)) else str(content)
