"""The edge of a command: every ending is one block and an exit code."""

from __future__ import annotations

import errno
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from spikefront.command import run_command
from spikefront.errors import FailedError, FileMistakesError, InputError, Mistake


class Panic(BaseException):
    """Like those of extensions that are written in Rust."""


def ends(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code, and what was told."""

    def body() -> NoReturn:
        raise error

    code = run_command(body)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError("no such thing"), 2, "error: no such thing\n"),
        (FailedError("it broke"), 1, "error: it broke\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
        (
            PermissionError(errno.EACCES, "Permission denied", "x"),
            2,
            "error: [Errno 13] Permission denied: 'x'\n",
        ),
    ],
)
def test_what_is_foreseen(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(error, capsys) == (code, told)


@pytest.mark.parametrize(
    "error",
    [ValueError("a\nb\x1b[2J" + "c" * 5000), RecursionError("deep"), MemoryError(), Panic("at"),
     GeneratorExit(), UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates")],
)  # fmt: skip
def test_what_nobody_foresaw_is_one_block(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = ends(error, capsys)
    first, second = told.splitlines()
    assert code == 2
    assert first.startswith(f"error: {type(error).__name__}")
    assert "spikefront/test_command.py:" in first
    assert first.isprintable()
    assert len(first) < 700
    assert "fault of SpikeFront" in second
    assert "SPIKEFRONT_TRACEBACK=1" in second


def test_an_exit_of_argparse_passes() -> None:
    def body() -> NoReturn:
        raise SystemExit(3)

    with pytest.raises(SystemExit, match="3"):
        run_command(body)


def test_one_of_several_processes_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> NoReturn:
        raise InputError("no")

    assert run_command(body, is_silent=True) == 2
    assert capsys.readouterr().err == ""


def test_mistakes_of_a_file_survive_a_journey() -> None:
    error = FileMistakesError([Mistake("a", "b", 2)], "f.yaml")
    assert str(pickle.loads(pickle.dumps(error))) == "f.yaml:2: a: b"


PRINTING = """
import sys
from spikefront.command import run_command
def body():
    for _ in range(20_000):
        print("a line")
    return 0
sys.exit(run_command(body))
"""


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def printing(tmp_path: Path) -> str:
    """A command that prints more than a pipe holds."""
    (tmp_path / "printing.py").write_text(PRINTING)
    return f"{sys.executable} {tmp_path / 'printing.py'}"


def test_a_reader_that_has_had_enough_ends_it_quietly(printing: str) -> None:
    done = shell(f"{printing} | head -1; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == ("a line\n0\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_a_full_disk_behind_stdout_is_told_in_one_line(printing: str) -> None:
    done = shell(f"{printing} > /dev/full")
    assert re.fullmatch("error: .*No space left on device\n", done.stderr)
    assert done.returncode == 2


def test_closed_streams_are_no_fault(printing: str) -> None:
    assert shell(f"{printing} >&-").returncode == 0
    assert shell(f"{printing} >&- 2>&-").returncode == 0
