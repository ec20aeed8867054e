"""Output into nothing: a reader that has gone, a full disk, a closed terminal, streams that never were."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from spikefront.lasting_output import LastingOutput, complain, lasting_console

ROOT = Path(__file__).parents[2]


class _Failing(io.StringIO):
    def __init__(self, error: Exception, on: str) -> None:
        super().__init__()
        self._error, self._on = error, on

    def write(self, text: str) -> int:
        if self._on == "write":
            raise self._error
        return super().write(text)

    def flush(self) -> None:
        if self._on == "flush":
            raise self._error


@pytest.mark.parametrize("on", ["write", "flush"])
@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(28, "No space left"), OSError(5, "I/O error"), ValueError("closed")]
)
def test_a_stream_that_fails_is_lost_and_nothing_else(error: Exception, on: str) -> None:
    output = LastingOutput(_Failing(error, on))
    for _ in range(3):
        assert output.write("text") == 4
        output.flush()
    assert output.is_lost
    assert not output.isatty()


def test_what_the_encoding_lacks_is_replaced() -> None:
    raw = io.BytesIO()
    output = LastingOutput(io.TextIOWrapper(raw, encoding="ascii"))
    output.write("σ 3\n")
    output.flush()
    assert raw.getvalue() == b"? 3\n"


def test_rich_does_not_end_the_process_when_the_reader_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", _Failing(BrokenPipeError(), "write"))
    console = lasting_console()
    console.print("one")
    console.print("two")


def test_complaints_need_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: TextIO = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    complain("error: x")
    assert stream.getvalue() == "error: x\n"  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "stderr", _Failing(BrokenPipeError(), "flush"))
    complain("error: y")


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_streams_that_are_closed_become_no_files_of_ours(closed: str, tmp_path: Path) -> None:
    """A journal that gets descriptor 1 would hold whatever is printed."""
    target = tmp_path / "journal.log"
    code = (
        "import os, sys\n"
        "from spikefront.lasting_output import complain, lasting_console\n"
        "from spikefront.command import open_streams\n"
        "open_streams()\n"
        f"file = open({str(target)!r}, 'w')\n"
        "console = lasting_console()\n"
        "for _ in range(2000): console.print('x' * 100)\n"
        "complain('y')\n"
        "print('plain') if sys.stdout else None\n"
        "os.write(1, b'low'); os.write(2, b'low')\n"
        "assert file.fileno() > 2\n"
        "file.write('journal'); file.close()\n"
    )
    script = tmp_path / "x.py"
    script.write_text(code)
    status = tmp_path / "status"
    line = f"({sys.executable} {script}; echo $? > {status}) {closed}"
    if "full" in closed:
        script.write_text(code.replace("os.write(1, b'low'); os.write(2, b'low')\n", ""))
    subprocess.run(["bash", "-c", line], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False)
    assert status.read_text().strip() == "0"
    assert target.read_text() == "journal"
