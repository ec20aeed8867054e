"""Output that survives the loss of the terminal: a search continues when nobody reads its output any more."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console


def lasting_console(*, quiet: bool = False) -> Console:
    """A console on standard output; after the first failed write, everything is dropped."""
    from rich.console import Console

    return Console(file=cast(IO[str], LastingOutput(sys.stdout)), quiet=quiet)


def complain(text: str) -> None:
    """Print to standard error, ignoring errors."""
    stream = LastingOutput(sys.stderr)
    stream.write(f"{text}\n")
    stream.flush()


class LastingOutput:
    """A text stream that never fails, even if its reader is gone, its disk full or its terminal closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_lost = False

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write, with characters that the encoding lacks replaced; does nothing once the stream is lost."""
        if not self.is_lost:
            try:
                self._write(text)
            except (OSError, ValueError):  # ValueError: it is closed
                self._lose()
        return len(text)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))

    def flush(self) -> None:
        """Flush the stream, ignoring errors."""
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
        """The stream's file number; raises as the stream does."""
        return self._stream.fileno()

    def _lose(self) -> None:
        """Redirect the stream to /dev/null, for what is still buffered when it is closed."""
        self.is_lost = True
        with suppress(OSError, ValueError):
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, self._stream.fileno())
            os.close(devnull)
