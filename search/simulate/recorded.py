"""A recorded study as a table: the nearest config it has trained to the end answers for any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.config_key import key_of
from search.errors import SearchError
from search.simulate.table import Recorded
from snncore.config.load import make_config
from snncore.config.metrics import is_probed
from snncore.config.rules import canonical
from spaces.space import Space
from spikefront.nested import flattened
from spikefront.numbers import is_number
from studies.model import EpochRow, Study, Trial
from studies.record import read_study

PROBE_S = 0.3
"""What a probe is taken to cost: records do not hold it."""

LOG_RANGE = 5.0
"""Positive numbers whose largest is so many times the smallest are compared by their logarithms."""

_NOT_COMPARED = ("seed", "data.root")


class StudyTable:
    """The complete and infeasible trials of a study; how the others would have ended is not known.

    Nor is it known of one that violates a constraint of the study, and was not trained for that.

    A config that is not among them is answered by the nearest one: fields of the canonical form that
    differ count up to 1 each, numbers by their distance as a share of the range in the table, sets by
    the share of members not in common. Ties go to the lower number.

    Raises:
        SearchError: no trial was trained to its end.
    """

    def __init__(self, study: Study) -> None:
        rows: dict[int, list[dict[str, Any]]] = {}
        for epoch in study.epochs:
            rows.setdefault(epoch.number, []).append(_row(epoch))
        trials = [
            trial
            for trial in study.trials
            if trial.state in ("complete", "infeasible")
            and trial.replicate_of is None
            and _was_trained(trial)
        ]
        if not any(trial.state == "complete" for trial in trials):
            raise SearchError(f"study {study.info.name!r}: no trial was trained to its end")
        self._recorded = [_recorded(trial, rows.get(trial.number, [])) for trial in trials]
        self._at = {recorded.key: at for at, recorded in enumerate(self._recorded)}
        self._nearest = _Nearest([_fields(recorded.config) for recorded in self._recorded])

    @classmethod
    def read(cls, folder: str | Path) -> StudyTable:
        """The table of a run folder, or of any folder with trials.parquet and epochs.parquet."""
        return cls(read_study(folder))

    def resolve(self, space: Space, params: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The config that answers for params, and its key.

        Raises:
            ConfigError: params make no config that the trainer takes.
        """
        answer = self.answer(space.resolve(params), space.name)
        return dict(answer.config), answer.key

    def answer(self, config: Mapping[str, Any], source: str = "config") -> Recorded:
        """What answers for a config of the trainer: its own record, else the nearest."""
        full = make_config(config, source)
        at = self._at.get(key_of(full))
        return self._recorded[self._nearest.find(_fields(full.as_dict())) if at is None else at]

    def recorded(self, key: str) -> Recorded:
        """The config with this key."""
        return self._recorded[self._at[key]]

    def everything(self) -> Iterable[Recorded]:
        """All configs, by number."""
        return iter(self._recorded)


def _was_trained(trial: Trial) -> bool:
    return trial.state == "complete" or all(value <= 0 for value in trial.constraints.values())


class _Nearest:
    """Rows of plain fields, and which of them is nearest to another."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        names = sorted({name for row in rows for name in row})
        self._numbers: dict[str, tuple[NDArray[np.float64], bool]] = {}
        self._others: dict[str, list[Any]] = {}
        for name in names:
            column = [row.get(name) for row in rows]
            present = [cell for cell in column if cell is not None]
            if present and all(is_number(cell) for cell in present):
                is_log = min(present) > 0 and max(present) / min(present) >= LOG_RANGE
                scaled = [np.nan if cell is None else _scaled(cell, is_log) for cell in column]
                self._numbers[name] = np.array(scaled), is_log
            else:
                self._others[name] = column
        self._n = len(rows)

    def find(self, row: Mapping[str, Any]) -> int:
        """The index of the nearest row."""
        distance = np.zeros(self._n)
        for name, (column, is_log) in self._numbers.items():
            distance += _apart(column, row.get(name), is_log)
        for name, cells in self._others.items():
            distance += [_differ(cell, row.get(name)) for cell in cells]
        return int(distance.argmin())


def _apart(column: NDArray[np.float64], value: Any, is_log: bool) -> NDArray[np.float64]:
    """Distances 0 to 1 of a column's numbers to a value; 1 where only one of the two is there."""
    is_missing = np.isnan(column)
    if not is_number(value) or (is_log and value <= 0):
        return (~is_missing).astype(float)
    span = float(np.nanmax(column) - np.nanmin(column))
    apart = np.abs(column - _scaled(value, is_log))
    share = np.minimum(apart / span, 1.0) if span > 0 else (apart > 0).astype(float)
    return np.where(is_missing, 1.0, share)


def _differ(one: Any, other: Any) -> float:
    if isinstance(one, list) and isinstance(other, list):
        common, either = set(one) & set(other), set(one) | set(other)
        return 1.0 - len(common) / len(either) if either else 0.0
    return float(one != other)


def _scaled(value: float, is_log: bool) -> float:
    return float(np.log(value)) if is_log else float(value)


def _fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical form of a config as dotted fields."""
    flat = flattened(canonical(make_config(config)))
    return {name: value for name, value in flat.items() if name not in _NOT_COMPARED}


def _recorded(trial: Trial, rows: list[dict[str, Any]]) -> Recorded:
    return Recorded(
        key=key_of(make_config(trial.config)),
        config=trial.config,
        params=trial.params,
        probe={name: value for name, value in trial.metrics.items() if is_probed(name)},
        metrics=trial.metrics,
        rows=sorted(rows, key=lambda row: int(row["epoch"])),
        train_s=sum(float(row["seconds"]) for row in rows),
        probe_s=PROBE_S,
        state="complete" if trial.state == "complete" else "infeasible",
        reason=trial.reason,
    )


def _row(epoch: EpochRow) -> dict[str, Any]:
    row = asdict(epoch)
    del row["number"]
    return {**row, "reliable_share": list(epoch.reliable_share), "firing_rate": list(epoch.firing_rate)}
