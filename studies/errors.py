"""What can go wrong with a study, told to its user in one readable block."""

from __future__ import annotations

from spikefront.errors import InputError


class StudyError(InputError):
    """A study that cannot be read, written or shown as asked; commands answer it with exit code 2."""


class PickError(StudyError):
    """A `--pick` rule that cannot be understood, or that no trial answers."""
