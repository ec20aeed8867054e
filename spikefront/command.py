"""The edge of every command: whatever happens inside ends as one readable block and an exit code.

Nothing here lists the errors of the rooms: what a user can mend is an `InputError`, wherever it comes from.
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
"""The environment variable that shows where an error arose."""

_MAX_LINE = 500


def run_command(
    body: Callable[[], int],
    *,
    prefix: str = "error",
    stopped: str = "stopped",
    is_silent: bool = False,
) -> int:
    """The exit code of a command whose work is `body`.

    What `body` returns; 2 for an `InputError`, an error of the system such as a full disk, and a fault of
    ours; 1 for a `FailedError`; 130 for Ctrl-C. Each of them is told on stderr, without a traceback unless
    SPIKEFRONT_TRACEBACK=1. A reader that has gone away ends the command quietly, with 0.

    prefix: before what a user can mend. stopped: what a Ctrl-C is answered with. is_silent: tells nothing,
    as the others of several processes that have failed alike do. SystemExit passes, as argparse raises it.
    """
    tell = _keep_silent if is_silent else _tell
    open_streams()
    try:
        code = body()
        sys.stdout.flush()
        return code
    except SystemExit:
        raise
    except KeyboardInterrupt:
        tell(stopped)
        return 130
    except BaseException as error:  # a panic of an extension and the like are no Exception
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        if isinstance(error, OSError) and error.filename is None:  # a stream, and most likely this one
            _give_up_stdout()
            if isinstance(error, BrokenPipeError):  # such as `| head`, which has had enough
                return 0
        tell(_told(error, prefix))
        return 1 if isinstance(error, FailedError) else 2


def fault(error: BaseException) -> str:
    """A fault of ours, in a line: the type and message of an exception, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno})" if frames else ""
    words = cut(printable(" ".join(str(error).split())), _MAX_LINE)
    return ": ".join(part for part in (type(error).__name__, words) if part) + place


def _told(error: BaseException, prefix: str) -> str:
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


def _keep_silent(text: str) -> None:
    """Another process tells it."""


def _tell(text: str) -> None:
    with suppress(OSError, ValueError):  # stderr is full or closed: nobody is left to be told
        print(_writable(text, sys.stderr), file=sys.stderr, flush=True)


def _writable(text: str, stream: IO[str]) -> str:
    """The text without what the stream's encoding lacks, such as half a surrogate pair of a file's name."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def open_streams() -> None:
    """Have standard input, output and error open, on nothing where they were closed.

    A closed one would be the next file that is opened, such as the journal of a study, and whatever prints
    would print into it.
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
    """Nothing more to stdout, also not by Python at its end, which would complain."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    if sys.stdout is not None and sys.stdout is sys.__stdout__:
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.close(nowhere)
