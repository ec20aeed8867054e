"""A notice when no worker has started for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS_WITHOUT_WORKER = 60.0
"""A worker comes up in seconds, unless Ray is in trouble or the cluster is full."""


class NoWorkerNotice:
    """Prints a line, once per wait, when no worker has started. logs: where Ray's logs are."""

    def __init__(
        self,
        say: Callable[[str], None],
        logs: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._logs, self._clock = say, logs, clock
        self._since: float | None = None
        self._has_said = False

    def poll(self, is_waiting: bool) -> None:
        """is_waiting: there is work for workers, and none of them works."""
        if not is_waiting:
            self._since, self._has_said = None, False
            return
        now = self._clock()
        if self._since is None:
            self._since = now
        if not self._has_said and now - self._since >= SECONDS_WITHOUT_WORKER:
            self._has_said = True
            self._say(
                f"no worker has come up for {SECONDS_WITHOUT_WORKER:g} s: the cluster is full, or Ray cannot "
                f"start one; its logs are in {self._logs()}"
            )
