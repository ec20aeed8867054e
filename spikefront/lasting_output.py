"""Output that outlives the terminal: a search goes on, and is recorded, when nobody reads it any more."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console


def lasting_console(*, quiet: bool = False) -> Console:
    """A console on standard output; what can no longer be written is dropped, and so is all after it."""
    from rich.console import Console

    return Console(file=cast(IO[str], LastingOutput(sys.stdout)), quiet=quiet)


def complain(text: str) -> None:
    """Print to standard error, if anybody reads it."""
    stream = LastingOutput(sys.stderr)
    stream.write(f"{text}\n")
    stream.flush()


class LastingOutput:
    """A text stream that never fails: its reader may go, its disk fill up, its terminal be closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_lost = False

    @property
    def encoding(self) -> str:
        """Of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write, with what the stream's encoding lacks replaced; nothing after the stream was lost."""
        if not self.is_lost:
            try:
                self._write(text)
            except (OSError, ValueError):  # ValueError: somebody closed it
                self._lose()
        return len(text)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))

    def flush(self) -> None:
        """Hand over what was written, if anybody takes it."""
        if not self.is_lost:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._lose()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        try:
            return not self.is_lost and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Of the stream; raises as it does."""
        return self._stream.fileno()

    def _lose(self) -> None:
        """What is still buffered must go somewhere when the stream is closed: to nothing."""
        self.is_lost = True
        with suppress(OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
