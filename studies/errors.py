"""Errors of studies; commands print them as one readable block."""

from __future__ import annotations

from spikefront.errors import InputError


class StudyError(InputError):
    """A study that cannot be read, written or shown as asked; commands then exit with code 2."""


class PickError(StudyError):
    """A `--pick` rule that cannot be parsed, or that no trial fulfils."""
