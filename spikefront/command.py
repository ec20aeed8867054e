"""Runs commands: every error ends as one readable message and an exit code.

This module does not list the errors of the rooms: what a user can fix is an `InputError`.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from spikefront.errors import FailedError, InputError
from spikefront.text import cut, printable

TRACEBACK = "SPIKEFRONT_TRACEBACK"
"""The environment variable that makes commands print tracebacks."""

_MAX_LINE = 500


def run_command(
    body: Callable[[], int],
    *,
    prefix: str = "error",
    stopped: str = "stopped",
    is_silent: bool = False,
) -> int:
    """The exit code of a command whose work is `body`.

    What `body` returns; 2 for an `InputError`, an error of the system such as a full disk, and a bug in
    SpikeFront; 1 for a `FailedError`; 130 for Ctrl-C. Each is printed on stderr, without a traceback unless
    SPIKEFRONT_TRACEBACK=1. If the reader of stdout has closed it, the command ends silently with 0.

    prefix: before errors that a user can fix. stopped: the message for Ctrl-C. is_silent: print nothing, for
    all but one of several processes that fail in the same way. SystemExit, as of argparse, is passed on.
    """
    report = _print_nothing if is_silent else _print_error
    open_streams()
    try:
        code = body()
        sys.stdout.flush()
        return code
    except SystemExit:
        raise
    except KeyboardInterrupt:
        report(stopped)
        return 130
    except BaseException as error:  # such as a panic of an extension, which is no Exception
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        if isinstance(error, OSError) and error.filename is None:  # a stream, most likely stdout
            _give_up_stdout()
            if isinstance(error, BrokenPipeError):  # such as with `| head`
                return 0
        report(_message(error, prefix))
        return 1 if isinstance(error, FailedError) else 2


def fault(error: BaseException) -> str:
    """A bug in one line: type and message of the exception, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno})" if frames else ""
    message = cut(printable(" ".join(str(error).split())), _MAX_LINE)
    return ": ".join(part for part in (type(error).__name__, message) if part) + place


def _message(error: BaseException, prefix: str) -> str:
    if isinstance(error, FailedError):
        return f"{error.prefix}: {error}"
    if isinstance(error, InputError):
        return f"{prefix}: {error}"
    if isinstance(error, OSError):
        return f"{prefix}: {printable(str(error))}"
    hint = "" if os.environ.get(TRACEBACK) else f"; {TRACEBACK}=1 shows where it arose"
    return (
        f"error: {fault(error)}\n"
        f"  this is a fault of SpikeFront, or of a file that it was given and should have refused{hint}"
    )


def _print_nothing(text: str) -> None:
    """Another process prints it."""


def _print_error(text: str) -> None:
    with suppress(OSError, ValueError):  # stderr is full or closed
        print(_writable(text, sys.stderr), file=sys.stderr, flush=True)


def _writable(text: str, stream: IO[str]) -> str:
    """The text with what the stream's encoding lacks escaped, such as surrogates in a file name."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def open_streams() -> None:
    """Open standard input, output and error on /dev/null if they are closed.

    Otherwise the next file that is opened, such as the journal of a study, would get the number of a closed
    one, and everything printed would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _give_up_stdout() -> None:
    """Redirect stdout to /dev/null, so that Python does not report an error when it flushes at its end."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    if sys.stdout is not None and sys.stdout is sys.__stdout__:
        with suppress(OSError, ValueError):
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            os.close(devnull)
