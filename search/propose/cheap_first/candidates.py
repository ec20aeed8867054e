"""Configs that may be tried next, and what they are known by."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Identity:
    """What a config is known by: as a trial, and among probes."""

    key: str
    probe_key: str


Identify = Callable[[Params], Identity | None]
"""From params to their identity; None for params that no trainer takes. Takes a tenth of a ms or more."""


@dataclass(eq=False)
class Candidate:
    """Params that may be tried.

    code: (d,). costs: (k,) what a probe measured, NaN elsewhere. label: see `label_of`.
    identity: None until it is looked up.
    """

    params: Params
    code: Floats
    costs: Floats
    label: Hashable
    identity: Identity | None = None

    @property
    def is_probed(self) -> bool:
        """Whether anything is known of its costs."""
        return not bool(np.isnan(self.costs).all())


def label_of(params: Params) -> Hashable:
    """Equal for equal params; much cheaper than a config's key, and blind to what has no effect."""
    return frozenset(params.items())
