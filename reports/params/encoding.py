"""Params encoded as numbers for a forest, one or more columns for each param."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.data.params import Param, setting
from studies.model import Trial

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Coded:
    """The settings of n trials as numbers.

    matrix: (n, columns). slices: for each param that varies, its columns.
    """

    matrix: Floats
    slices: dict[str, slice]


def coded(trials: Sequence[Trial], params: Sequence[Param]) -> Coded:
    """The params that vary among the trials, as columns; a param with one setting gets none.

    A number is taken as it is, or as its logarithm where the space searches it on a log scale; inactive
    is encoded as a number one range (at least 1) below the lowest, so that a tree can split it off.
    A category has one 0/1 column for each text and one for inactive.
    """
    parts: list[Floats] = []
    slices: dict[str, slice] = {}
    start = 0
    for param in params:
        settings = [setting(trial, param) for trial in trials]
        if len(set(settings)) < 2:
            continue
        part = _numbers(settings, param.is_log) if param.kind == "number" else _one_hot(settings)
        parts.append(part)
        slices[param.name] = slice(start, start + part.shape[1])
        start += part.shape[1]
    return Coded(np.hstack(parts) if parts else np.empty((len(trials), 0)), slices)


def _numbers(settings: Sequence[float | int | str | None], is_log: bool) -> Floats:
    numbers = np.array([item if isinstance(item, (int, float)) else np.nan for item in settings], float)
    if is_log:
        numbers = np.log(numbers)
    known = numbers[~np.isnan(numbers)]
    inactive = known.min() - max(1.0, float(np.ptp(known)))
    return np.where(np.isnan(numbers), inactive, numbers)[:, None]


def _one_hot(settings: Sequence[float | int | str | None]) -> Floats:
    options = sorted({str(item) for item in settings if item is not None})
    columns = [[item == option for item in settings] for option in options]
    if None in settings:
        columns.append([item is None for item in settings])
    return np.array(columns, float).T
