"""The report of a study that may still be running, built again when its record has changed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from reports.html.markup import tag
from studies.errors import StudyError
from studies.model import Study
from studies.record import EPOCHS, TRIALS, read_study

MIN_SECONDS = 3.0
"""The least time between two builds."""

MAX_SHARE = 0.2
"""The largest share of its time that a server spends on building."""

_TRIES = 3

NO_RECORD = "none"
"""The version of a record that does not exist yet."""


@dataclass(frozen=True)
class Served:
    """A page as bytes, and the version of the record it was made from."""

    version: str
    body: bytes


class LivePage:
    """The page of a run folder. Threads may share it; one of them builds, the others wait for it.

    It is built on request, only if the record has changed, and no more often than `MIN_SECONDS` and
    `MAX_SHARE` allow; until then the last page is returned again.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self._lock = threading.Lock()
        self._served: Served | None = None
        self._due = 0.0

    def version(self) -> str:
        """The version that `get` would return now; reads the state of two files."""
        served = self._served
        if served is not None and time.monotonic() < self._due:
            return served.version
        return record_version(self.run)

    def get(self) -> Served:
        """The page, or a page that says why the report cannot be shown."""
        with self._lock:
            served, version = self._served, self.version()
            if served is None or served.version != version:
                began = time.monotonic()
                served = self._served = _build(self.run, version)
                took = time.monotonic() - began
                self._due = began + max(MIN_SECONDS, took / MAX_SHARE)
            return served


def record_version(run: Path) -> str:
    """A name for the state of a study's record: changes with each write; `NO_RECORD` before the first."""
    try:
        stats = [(run / name).stat() for name in (EPOCHS, TRIALS)]
    except OSError:
        return NO_RECORD
    return "-".join(f"{stat.st_mtime_ns:x}.{stat.st_size:x}.{stat.st_ino:x}" for stat in stats)


def _build(run: Path, version: str) -> Served:
    from reports.page import page

    if version == NO_RECORD:
        text = (
            "The first trial is not finished yet; this page changes by itself when there is something to see."
        )
        return Served(version, _words(run, text, version))
    try:
        text = page(_read(run), run, version)
    except Exception as error:
        # Whatever is wrong with the record, the server keeps running: the next version may be readable.
        problem = f"The report cannot be made from this record: {type(error).__name__}: {error}"
        return Served(version, _words(run, problem, version))
    return Served(version, text.encode("utf-8", "replace"))


def _read(run: Path) -> Study:
    """The study; epochs of unknown trials are left out, as the two files are replaced one after the other.

    Raises:
        StudyError: the record cannot be read after `_TRIES` attempts.
    """
    for count in range(_TRIES):
        try:
            study = read_study(run)
            break
        except StudyError:
            if count + 1 == _TRIES:
                raise
            time.sleep(0.2)
    known = {trial.number for trial in study.trials}
    return replace(study, epochs=tuple(row for row in study.epochs if row.number in known))


def _words(run: Path, text: str, version: str) -> bytes:
    """A page with a sentence instead of figures."""
    from reports.html.shell import Sheet, html_page
    from reports.page import loose_data

    eyebrow = tag("p", "SpikeFront study", class_="eyebrow")
    lead = tag("div", eyebrow, tag("h1", run.name), tag("p", text), class_="lead")
    sheet = Sheet(title=run.name, header=tag("header", lead), contents=[], data=loose_data([]))
    return html_page(sheet, version).encode("utf-8", "replace")
