"""The result of a search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from search.options import KEEP_CHECKPOINTS, KeepCheckpoints
from studies.model import Study

if TYPE_CHECKING:
    from search.study.folder import RunFolder  # it loads pyarrow, and an ending needs none

Ending = Literal["budget", "exhausted", "time", "interrupted"]
"""Why a study ended: all trials, no params left, no time left, or the user's wish."""


@dataclass(frozen=True)
class SearchResult:
    """A study that has ended.

    keep_checkpoints: of which finished trials. note: why it ended, where the ending alone does not say.
    problem: with the report.
    """

    study: Study
    folder: RunFolder
    ending: Ending
    keep_checkpoints: KeepCheckpoints = KEEP_CHECKPOINTS
    note: str | None = None
    report: Path | None = None
    problem: str | None = None
