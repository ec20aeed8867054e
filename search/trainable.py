"""The Ray Tune trainable: a thin shell around `Course`, one report per step.

A class, not a function: with reused actors both cost 0.05 s a trial on two slots, and a class trains in
the actor's own thread, needs no hand-over of results, and can be reused whatever its last trial did.
"""

from __future__ import annotations

from typing import Any

from ray import tune

from search.course import Course

REPORT = "report"
TICKET = "ticket"


class TrialTrainable(tune.Trainable):  # type: ignore[misc]  # ray is not typed here
    """Runs the trial of `config["ticket"]`; each result holds its `Report` under "report"."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begin with a ticket; nothing heavy is loaded before the first step."""
        self._course: Course | None = Course(config[TICKET])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next ticket in the same process."""
        self._course = Course(new_config[TICKET])
        return True

    def step(self) -> dict[str, Any]:
        """One step of the course; done when it ends by itself."""
        assert self._course is not None, "step after cleanup"
        report = self._course.step()
        return {REPORT: report, "done": report.kind == "end"}

    def cleanup(self) -> None:
        """Drop the session, and with it the network."""
        self._course = None
