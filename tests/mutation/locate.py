"""The same statement in a later tree, where files, functions and names may have changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from tests.mutation.sites import ROOMS, Site, counts, statements, text_of

LEAST_ALIKE = 0.55
_SURROUNDINGS = 4


@dataclass(frozen=True)
class _Place:
    file: str
    function: str
    node: ast.stmt
    text: str
    around: str


def locate(site: Site, old_root: Path, new_root: Path) -> Site | None:
    """Where a site of the old tree is in the new one; None where nothing like it is left.

    Statements are compared as texts, together with those around them; of equal ones the nearest in its room
    and function counts.
    """
    room = site.file.partition("/")[0]
    (old,) = [
        place for place in _places(old_root, [old_root / site.file])
        if (place.function, place.text, place.node.lineno) == (site.function, site.statement, site.line)
    ]  # fmt: skip
    rooms = (room, *(other for other in (*ROOMS, "spikefront") if other != room))
    files = [path for name in rooms for path in sorted((new_root / name).rglob("*.py"))]
    best, best_place = 0.0, None
    for place in _places(new_root, files):
        if type(place.node) is not type(old.node) or counts(place.node).get(site.kind, 0) <= site.index:
            continue
        alike = _alike(old.text, place.text, LEAST_ALIKE)
        if alike < LEAST_ALIKE:
            continue
        same_function = place.function.rpartition(".")[2] == old.function.rpartition(".")[2]
        score = alike + _alike(old.around, place.around) + 0.2 * same_function
        score += 0.05 * (place.file.partition("/")[0] == room)
        if score > best:
            best, best_place = score, place
    if best_place is None:
        return None
    node = best_place.node
    return Site(best_place.file, best_place.function, best_place.text, node.lineno, site.kind, site.index)


def _alike(one: str, other: str, at_least: float = 0.0) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < at_least or matcher.quick_ratio() < at_least:
        return 0.0
    return matcher.ratio()


def _places(root: Path, files: list[Path]) -> Iterator[_Place]:
    for path in files:
        found = list(statements(ast.parse(path.read_text(encoding="utf-8"))))
        texts = [text_of(node) for _, node in found]
        for at, (function, node) in enumerate(found):
            around = "\n".join(
                texts[max(0, at - _SURROUNDINGS) : at] + texts[at + 1 : at + 1 + _SURROUNDINGS]
            )
            name = path.relative_to(root).as_posix()
            yield _Place(name, function, node, texts[at], around)
