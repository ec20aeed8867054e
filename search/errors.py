"""What can stop a search before or while it runs, by who can fix it."""

from __future__ import annotations

from spikefront.errors import FailedError, InputError


class SearchError(InputError):
    """A mistake of the user: printed as one readable block, without a traceback, exit code 2."""


class StudyFailedError(FailedError):
    """The study failed as a whole, such as when Ray died again and again. Exit code 1."""

    prefix = "the study failed"


class RayDiedError(StudyFailedError):
    """Ray has died on this machine: what comes from its workers from then on says nothing of their trials."""
