"""Detects a broken environment: one trial after another fails for the same reason."""

from __future__ import annotations

from search.errors import StudyFailedError
from search.trials.stored_trial import StoredTrial

MAX_ALIKE = 5
"""The study ends when so many trials in a row fail for the same reason; each was tried three times."""


class RepeatedFailures:
    """The failures of one driver since it began, in the order in which its trials ended.

    Once a trial has trained after failures for a reason, their configs are taken to be the cause, not the
    environment: that reason never ends the study.
    """

    def __init__(self) -> None:
        self._alike: list[StoredTrial] = []
        self._of_configs: set[str] = set()

    def ended(self, trial: StoredTrial) -> None:
        """A trial has ended, and is recorded.

        Raises:
            StudyFailedError: it is the last of `MAX_ALIKE` in a row that failed for the same reason,
                while no other trial trained an epoch.
        """
        if trial.state == "failed":
            self._failed(trial)
        elif trial.state == "complete" or trial.rows:
            self._of_configs.update(_reason(failed) for failed in self._alike)
            self._alike.clear()

    def _failed(self, trial: StoredTrial) -> None:
        reason = _reason(trial)
        if self._alike and _reason(self._alike[-1]) != reason:
            self._alike.clear()
        self._alike.append(trial)
        if len(self._alike) >= MAX_ALIKE and reason not in self._of_configs:
            raise StudyFailedError(
                f"{len(self._alike)} trials in a row failed for the same reason, the last of them trial "
                f"{trial.number}: {reason}; fix it, then continue with --resume"
            )


def _reason(trial: StoredTrial) -> str:
    lines = (trial.reason or "").splitlines()
    return lines[0] if lines else ""
