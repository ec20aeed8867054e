"""From a case with a finding to a small one with the same finding: delta debugging, within a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.hostile.case import Case

Part = TypeVar("Part")
IsSame = Callable[[Case], bool]
"""Whether a case still has the finding."""

_LARGEST = 200_000


class _TimeIsUpError(Exception):
    pass


class Minimiser:
    """Makes one case smaller; `case` is the smallest so far."""

    def __init__(self, case: Case, is_same: IsSame, seconds: float) -> None:
        self.case, self._is_same = case, is_same
        self._until = time.monotonic() + seconds

    def run(self) -> Case:
        """The smallest case that the time allowed to find."""
        try:
            self._restore()
            self._drop_files()
            self._drop_words()
            for path in self.case.changed():
                self._shrink(path)
        except _TimeIsUpError:
            pass
        return self.case

    def _try(self, case: Case) -> bool:
        if time.monotonic() > self._until:
            raise _TimeIsUpError
        if self._is_same(case):
            self.case = case
            return True
        return False

    def _restore(self) -> None:
        """Put back what need not have been changed."""
        for path in list(self.case.specials):
            specials = {name: kind for name, kind in self.case.specials.items() if name != path}
            self._try(replace(self.case, specials=specials))
        for path in self.case.changed():
            if path in self.case.genuine:
                self._try(replace(self.case, files={**self.case.files, path: self.case.genuine[path]}))

    def _drop_files(self) -> None:
        """Leave out what is not read: all that is genuine, or half of it at a time."""
        kept = set(self.case.changed())
        others = [path for path in self.case.files if path not in kept]

        def holds(names: Sequence[str]) -> bool:
            files = {
                path: content for path, content in self.case.files.items() if path in kept or path in names
            }
            return self._try(replace(self.case, files=files))

        _smallest(others, holds)

    def _drop_words(self) -> None:
        """Leave out arguments, and shorten what is long."""
        _smallest(
            self.case.argv[1:], lambda words: self._try(replace(self.case, argv=(self.case.argv[0], *words)))
        )
        for at in range(1, len(self.case.argv)):
            self._shorten_word(at)

    def _shorten_word(self, at: int) -> None:
        while len(word := self.case.argv[at]) > 60:
            shorter = (*self.case.argv[:at], word[: len(word) * 3 // 4], *self.case.argv[at + 1 :])
            if not self._try(replace(self.case, argv=shorter)):
                return

    def _shrink(self, path: str) -> None:
        content, genuine = self.case.files[path], self.case.genuine.get(path)
        if len(content) > _LARGEST:
            return
        if genuine is not None and len(genuine) == len(content):
            self._undo_bytes(path, genuine)
            return

        def holds(parts: Sequence[bytes]) -> bool:
            return self._try(replace(self.case, files={**self.case.files, path: b"".join(parts)}))

        _smallest(content.splitlines(keepends=True), holds)
        content = self.case.files[path]
        if len(content) <= 20_000:
            _smallest([content[at : at + 1] for at in range(len(content))], holds)

    def _undo_bytes(self, path: str, genuine: bytes) -> None:
        """Of bytes that differ, leave only those that matter."""
        content = self.case.files[path]
        differ = [at for at, (one, other) in enumerate(zip(content, genuine, strict=True)) if one != other]

        def holds(places: Sequence[int]) -> bool:
            mixed = bytearray(genuine)
            for at in places:
                mixed[at] = content[at]
            return self._try(replace(self.case, files={**self.case.files, path: bytes(mixed)}))

        _smallest(differ, holds)


def _smallest(parts: Sequence[Part], holds: Callable[[Sequence[Part]], bool]) -> list[Part]:
    """A subsequence that still holds and lost what it could (ddmin, Zeller and Hildebrandt 2002)."""
    parts = list(parts)
    n = 2
    if parts and holds([]):
        return []
    while len(parts) >= 2:
        size = max(1, len(parts) // n)
        for start in range(0, len(parts), size):
            rest = parts[:start] + parts[start + size :]
            if holds(rest):
                parts, n = rest, max(n - 1, 2)
                break
        else:
            if n >= len(parts):
                break
            n = min(2 * n, len(parts))
    return parts
