"""A trainer that replays a recorded study in real trials: for tests of the engine, and for demonstrations.

Its name in a job is `search.simulate:TableTrainer@FOLDER`, or `...@FOLDER?epoch_s=0.05&probe_s=0.01`
for trials that take some time.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

from search.errors import SearchError
from search.simulate.recorded import StudyTable
from search.simulate.table import Recorded
from snncore.errors import DivergedError

_STATE = "state.json"


class RecordedEndError(DivergedError):
    """The training ended as infeasible; the message is the reason in its record."""

    def __init__(self, reason: str | None) -> None:
        RuntimeError.__init__(self, reason or "infeasible")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args


class TableTrainer:
    """Answers for each config with the record of the nearest one in a table.

    argument: the folder of the table, then, after a question mark, epoch_s and probe_s: the seconds that
    an epoch and a probe take, 0 unless given.

    Raises:
        SearchError: an option is unknown or no number of seconds.
        StudyError: there is no table in the folder.
    """

    def __init__(self, device: str, threads: int, argument: str) -> None:
        folder, _, options = argument.partition("?")
        self._table = _table(folder)
        seconds = {"epoch_s": 0.0, "probe_s": 0.0}
        for name, value in parse_qsl(options, keep_blank_values=True):
            if name not in seconds or not _is_seconds(value):
                raise SearchError(f"{name}={value}: allowed: {' and '.join(seconds)}, seconds of 0 or more")
            seconds[name] = float(value)
        self._epoch_s, self._probe_s = seconds["epoch_s"], seconds["probe_s"]

    def probe(self, config: Mapping[str, Any], names: Sequence[str] | None = None) -> Mapping[str, Any]:
        """What the table's config was probed at."""
        time.sleep(self._probe_s)
        return dict(self._table.answer(config).probe)

    def measure_quietly(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The times of the probe again: a table has no noise."""
        time.sleep(self._probe_s)
        probed = self._table.answer(config).probe
        latency = {
            f"latency_ms_quiet{suffix}": probed[f"latency_ms{suffix}"]
            for suffix in ("", "_q25", "_q75")
            if f"latency_ms{suffix}" in probed
        }
        step = {"train_step_ms_quiet": probed["train_step_ms"]} if "train_step_ms" in probed else {}
        return {**latency, **step}

    def session(self, config: Mapping[str, Any]) -> TableSession:
        """A training that has not begun."""
        return TableSession(self._table.answer(config), self._epoch_s)

    def device_model(self) -> str:
        """No device at all."""
        return "table"


class TableSession:
    """The recorded epochs of one config, one after the other."""

    def __init__(self, recorded: Recorded, epoch_s: float) -> None:
        self._recorded, self._epoch_s = recorded, epoch_s
        self.epochs_trained = 0

    def run_epoch(self) -> SimpleNamespace:
        """The next recorded epoch.

        Raises:
            RecordedEndError: the record ends here.
        """
        time.sleep(self._epoch_s)
        rows = self._recorded.rows
        if self.epochs_trained >= len(rows):
            raise RecordedEndError(self._recorded.reason)
        self.epochs_trained += 1
        return SimpleNamespace(**rows[self.epochs_trained - 1])

    def save(self, folder: Path) -> None:
        """Write which epoch it is and whose, whole or not at all."""
        fresh = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        state = {"key": self._recorded.key, "epochs_trained": self.epochs_trained}
        (fresh / _STATE).write_text(json.dumps(state), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)

    def restore(self, folder: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            ValueError: it is damaged, or of another config.
            OSError: it is missing.
        """
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        if state["key"] != self._recorded.key:
            raise ValueError(f"{folder}: a checkpoint of another config")
        self.epochs_trained = int(state["epochs_trained"])

    def metrics(self) -> Mapping[str, Any]:
        """All recorded metrics.

        Raises:
            RecordedEndError: the training was infeasible, though it came to its last epoch.
        """
        if self._recorded.state == "infeasible":
            raise RecordedEndError(self._recorded.reason)
        return dict(self._recorded.metrics)


@lru_cache(maxsize=2)
def _table(folder: str) -> StudyTable:
    # A reused worker makes a trainer for each of its trials.
    return StudyTable.read(folder)


def _is_seconds(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False
