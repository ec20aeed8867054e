"""What is wrong with how a case ended, if anything, and which findings are the same fault."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from tests.hostile.child import Ended

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("spikefront", "spaces", "snncore", "studies", "search", "reports")

KINDS = ("code", "abort", "hang", "memory", "traceback", "unexpected", "exit", "left", "silent", "fuzzer")
"""From the worst down.

exit: a code that no command has. left: files that a refusal made, changed or removed. silent: refused without
a word. fuzzer: a fault of its own.
"""

TRACEBACK = "Traceback (most recent call last)"
_CODES = (0, 1, 2, 130, None)
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+),? in (\S+)')
_ERROR = re.compile(r"^([A-Za-z_][\w.]*)(?:: |$)", re.MULTILINE)
LAST_RESORT = "this is a fault of SpikeFront"
"""What stands in the message of the last resort at the edge of a command (`spikefront.command`)."""
_OUT_OF_MEMORY = re.compile(
    r"MemoryError|can't allocate memory|Cannot allocate memory|bad_alloc|Unable to allocate", re.I
)


@dataclass(frozen=True)
class Finding:
    """kind: of `KINDS`. error: the exception's type, or what there is instead. place: `file:function` of the
    product's innermost frame, "" where none is known. line: in that file, for people; it tells nothing apart.
    """

    kind: str
    error: str
    place: str
    line: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal where two findings are the same fault."""
        return self.kind, self.error, self.place

    def __str__(self) -> str:
        where = f" in {self.place}" if self.place else ""
        line = f", line {self.line}" if self.line else ""
        return f"{self.kind}: {self.error}{where}{line}"


def judge(ended: Ended, door: str = "") -> Finding | None:
    """The worst that can be said of an end; None where there is nothing to say.

    door: stands for the place of a finding where the output names none.
    """
    finding = _judge(ended)
    return finding if finding is None or finding.place else replace(finding, place=door)


def _judge(ended: Ended) -> Finding | None:
    output = ended.output
    if not ended.is_made:
        where = _of_dump(output) if ended.was_killed or ended.signal else _of_traceback(output)[1:]
        return Finding("fuzzer", ended.was_killed or "a case could not be made", *where)
    if ended.ran_code:
        return Finding("code", "run", _last_place(output))
    if ended.was_killed:
        return Finding(ended.was_killed, ended.was_killed, *_of_dump(output))
    if ended.signal or (ended.code is None and "Fatal Python error" in output):
        return Finding("abort", f"signal {ended.signal}", *_of_dump(output))
    if TRACEBACK in output:
        error, place, line = _of_traceback(output)
        is_memory = _OUT_OF_MEMORY.search(output[output.rindex(TRACEBACK) :])
        kind = "memory" if is_memory else "unexpected" if LAST_RESORT in output else "traceback"
        return Finding(kind, error, place, line)
    if LAST_RESORT in output:
        return Finding("unexpected", "fault", "")
    if _OUT_OF_MEMORY.search(output):  # it was asked for, and would have been had on a larger machine
        return Finding("memory", "refused only for want of memory", "")
    if ended.code not in _CODES:
        return Finding("exit", f"code {ended.code}", "")
    if ended.left:
        return Finding("left", re.sub(r"[0-9a-f]{6,}", "*", ended.left[0])[:60], "")
    if ended.code in (1, 2) and not output.strip():
        return Finding("silent", f"code {ended.code}", "")
    return None


def _of_traceback(output: str) -> tuple[str, str, int]:
    """Type, place and line of the last exception."""
    last = output[output.rindex(TRACEBACK) :] if TRACEBACK in output else output
    body = last.splitlines()
    names = [
        match.group(1) for line in body[1:] if (match := _ERROR.match(line)) and not line.startswith(" ")
    ]
    places = _places(last) or _places(output)
    place, line = places[-1] if places else ("", 0)
    return (names[0] if names else "unknown"), place, line


def _of_dump(output: str) -> tuple[str, int]:
    """Place and line of the innermost frame of a dump, which names it first."""
    start = max(
        output.rfind("Fatal Python error"), output.rfind("Timeout ("), output.rfind("most recent call first")
    )
    dump = output[max(start, 0) :]
    current = dump[dump.find("Current thread") :] if "Current thread" in dump else dump
    places = _places(current) or _places(output)
    return places[0] if places else ("", 0)


def _last_place(output: str) -> str:
    places = _places(output)
    return places[-1][0] if places else ""


def _places(text: str) -> list[tuple[str, int]]:
    """The product's own frames in a text, in its order."""
    found = []
    for path, line, function in _FRAME.findall(text):
        try:
            inner = Path(path).relative_to(ROOT)
        except ValueError:
            continue
        if inner.parts[0] in ROOMS or inner.name == "planted.py":
            found.append((f"{inner.as_posix()}:{function}", int(line)))
    return found
