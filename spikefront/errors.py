"""The base of all errors that a user can fix, and the mistakes in a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from spikefront.text import printable


class InputError(ValueError):
    """A mistake that the user can fix: printed as one readable block, without a traceback; exit code 2."""


class FailedError(RuntimeError):
    """Work that was started and could not be finished: printed as one readable block; exit code 1."""

    prefix = "error"
    """Printed before the block."""


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    key: where in the file, dotted, such as `search.T.int[0]`; "" for the whole file.
    line: 1-based; None if the value is not from the file (but from the command line, or a default).
    """

    key: str
    message: str
    line: int | None


class FileMistakesError(InputError):
    """A file that cannot be used. `mistakes` holds all of them, in the order of the file.

    str() is one readable block with a line `file:line: key: message` for each mistake.
    """

    def __init__(self, mistakes: Iterable[Mistake], source: str) -> None:
        last = float("inf")
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.line or last)
        self.source = source
        super().__init__("\n".join(self._line(mistake) for mistake in self.mistakes))

    def __reduce__(self) -> tuple[type[Self], tuple[list[Mistake], str]]:
        return type(self), (self.mistakes, self.source)

    def _line(self, mistake: Mistake) -> str:
        place = self.source if mistake.line is None else f"{self.source}:{mistake.line}"
        return printable(": ".join(part for part in (place, mistake.key, mistake.message) if part))
