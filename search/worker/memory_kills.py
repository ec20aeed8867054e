"""Workers that died: a short reason from Ray's long text, and whether the kernel killed one out of memory.

A killed process reports nothing, and Ray cannot distinguish a SIGKILL from a crash. But the kernel counts
the processes it kills when memory runs out (`oom_kill` in /proc/vmstat). So each start of a trial leaves a
note on its machine with that count; the next start of the same trial there finds the note of a process
that is gone, and sees whether the count has grown.

A driver that stops, or starts Ray Tune's loop again, kills its workers itself; and the count is that of all
processes of the machine. So a note counts only in the Tune run in which it was written.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from pathlib import Path

import psutil

DEATHS_TO_BLAME = 2
"""One death at the time of a kill by the kernel may be chance: the driver may have used the memory."""

_CAUSES = (
    ("receives a SIGTERM", "ended by SIGTERM"),
    ("connection error code 2", "killed by a signal (SIGKILL, SIGSEGV, ...) or left on its own"),
    ("node was terminated", "its node died"),
    ("node has died", "its node died"),
    ("marked dead", "its node died"),
    ("preempted", "its node was preempted"),
)


def death_reason(text: str) -> str:
    """One line for what Ray says about a dead worker; the last line of its text where the cause is
    unknown."""
    for known, meaning in _CAUSES:
        if known in text:
            return f"worker died: {meaning}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"worker died: {lines[-1] if lines else 'no message'}"


class AttemptNote:
    """The note of one trial's starts on this machine.

    place: of its checkpoints, which names the trial. loop_id: of the Tune run that starts it; a note of
    another one is ignored and overwritten.
    """

    def __init__(self, place: str, loop_id: str) -> None:
        self._loop_id = loop_id
        name = hashlib.sha256(place.encode()).hexdigest()[:32]
        self._path = Path(tempfile.gettempdir()) / f"spikefront-{os.getuid()}" / f"{name}.json"

    def begin(self) -> str | None:
        """Note a start; why the config cannot be trained, where its last starts were killed for memory."""
        deaths = 0
        last, now = self._read(), oom_kills()
        if last is not None and now is not None and not psutil.pid_exists(last["process"]):
            deaths = last["deaths"] + (now > last["oom_kills"])
        if deaths >= DEATHS_TO_BLAME:
            self.end()
            return f"out of memory: the kernel of {platform.node()} killed its worker {deaths} times"
        self._write({"life": self._loop_id, "process": os.getpid(), "oom_kills": now or 0, "deaths": deaths})
        return None

    def end(self) -> None:
        """The start has ended without a kill."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, int] | None:
        try:
            note = json.loads(self._path.read_text(encoding="utf-8"))
            if note["life"] != self._loop_id:
                return None
            return {key: int(note[key]) for key in ("process", "oom_kills", "deaths")}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, note: dict[str, int | str]) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._path.write_text(json.dumps(note), encoding="utf-8")
        except OSError:
            return  # a full disk stops the trial where it matters, not here


def oom_kills() -> int | None:
    """How many processes this machine's kernel has killed out of memory; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None
