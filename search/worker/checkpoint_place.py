"""Where the checkpoints of a study lie, as its driver sees it: the run folder, another folder, or a URI."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from search.errors import SearchError
from search.worker.checkpoints import is_uri
from studies.text import trial_stem


@dataclass
class CheckpointPlace:
    """base: an absolute folder, or a URI, of this study alone; see `study_place`."""

    base: str
    _removed: set[int] = field(default_factory=set)

    def trial(self, number: int) -> str:
        """The place of a trial's checkpoints, as a job names it."""
        if not is_uri(self.base):
            return str(Path(self.base) / trial_stem(number))
        from search.worker.remote_checkpoints import child_uri

        return child_uri(self.base, trial_stem(number))

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove the checkpoints of trials; missing ones are fine, and each trial is looked at once.

        What cannot be removed now is tried again the next time.
        """
        wanted = {trial_stem(number): number for number in set(numbers) - self._removed}
        if not wanted:
            return
        try:
            there = self._names()
        except OSError:
            return
        for stem, number in wanted.items():
            try:
                if stem in there:
                    self._remove(stem)
            except OSError:  # one that is in use, such as on NFS, must not keep the others
                continue
            self._removed.add(number)

    def _names(self) -> set[str]:
        if not is_uri(self.base):
            return {entry.name for entry in _entries(Path(self.base))}
        from search.worker.remote_checkpoints import list_names

        return set(list_names(self.base))

    def _remove(self, stem: str) -> None:
        if not is_uri(self.base):
            shutil.rmtree(Path(self.base) / stem)
            return
        from search.worker.remote_checkpoints import remove_folder

        remove_folder(self.base, stem)


def study_place(chosen: str | None, run_folder: Path, study: str, started_at: str) -> CheckpointPlace:
    """The place of one study's checkpoints.

    chosen: what the user said, None for the run folder. A place that several studies share gets a folder
    for each, named by study and start, so that a trial never continues from a namesake of another study.

    Raises:
        SearchError: it cannot be used; see `require_place`.
    """
    if chosen is None:
        return CheckpointPlace(str(run_folder / "checkpoints"))
    require_place(chosen)
    name = f"{study}-{re.sub(r'[^0-9]', '', started_at)[:20]}"
    if not is_uri(chosen):
        return CheckpointPlace(str(Path(chosen).expanduser().absolute() / name))
    from search.worker.remote_checkpoints import child_uri

    return CheckpointPlace(child_uri(chosen, name))


def require_place(chosen: str) -> None:
    """Check that checkpoints can be kept at a place, by writing there and reading it back.

    Raises:
        SearchError: they cannot; the message contains the file system's error.
    """
    if is_uri(chosen) and urlsplit(chosen).password:
        raise SearchError(
            "--checkpoints: got a URI with a password in it, which the record would keep; give the "
            "credentials by the environment of the nodes, for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    problem = place_problem(chosen)
    if problem is not None:
        raise SearchError(f"--checkpoints: {problem}")


def place_problem(chosen: str) -> str | None:
    """Why checkpoints cannot be written to a place from this machine; None when they can."""
    name = f".probe-{uuid.uuid4().hex[:8]}"
    try:
        if is_uri(chosen):
            from search.worker.remote_checkpoints import try_writing

            try_writing(chosen, name)
        else:
            folder = Path(chosen).expanduser().absolute()
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name, encoding="utf-8")
            (folder / name).unlink()
    except (OSError, ValueError, NotImplementedError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        allowed = "allowed: a folder, or a URI such as s3://bucket/folder"
        return f"got {chosen!r}: cannot be written: {line}; {allowed}"
    return None


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
