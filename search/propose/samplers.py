"""Samplers by name: who proposes params.

`auto` stands for `cheap_first`; docs/search_quality.md has the measurements behind that.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from search.config_key import probe_key_of, resolve
from search.errors import SearchError
from search.propose.cheap_first import CheapFirstSampler, ProbeKey, Resolve, StoreView
from spaces.space import Space


@dataclass(frozen=True)
class SamplerSetup:
    """What a sampler is made for. resolve, probe_key: of the space's configs; see `search.config_key`."""

    seed: int
    space: Space
    store: StoreView
    resolve: Resolve = resolve
    probe_key: ProbeKey = probe_key_of


def _cheap_first(setup: SamplerSetup) -> BaseSampler:
    return CheapFirstSampler(setup.space, setup.store, setup.seed, setup.resolve, setup.probe_key)


def _tpe(setup: SamplerSetup) -> BaseSampler:
    group = is_conditional(setup.space)
    return TPESampler(seed=setup.seed, multivariate=True, group=group, constant_liar=True)


def _gp(setup: SamplerSetup) -> BaseSampler:
    return GPSampler(seed=setup.seed, warn_independent_sampling=False)


def _qmc(setup: SamplerSetup) -> BaseSampler:
    return QMCSampler(seed=setup.seed, scramble=True, warn_independent_sampling=False)


SAMPLERS: dict[str, Callable[[SamplerSetup], BaseSampler]] = {
    "auto": _cheap_first,
    "cheap_first": _cheap_first,
    "tpe": _tpe,
    "gp": _gp,
    "nsga2": lambda setup: NSGAIISampler(seed=setup.seed),
    "nsga3": lambda setup: NSGAIIISampler(seed=setup.seed),
    "qmc": _qmc,
    "random": lambda setup: RandomSampler(seed=setup.seed),
    # Optuna's own grid knows no conditions: the grid is enumerated by `Proposer`, and this never draws.
    "grid": lambda setup: RandomSampler(seed=setup.seed),
}
"""Name to what makes the sampler."""

_KEEPS_ITS_SEED = frozenset({"qmc"})


def make_sampler(name: str, setup: SamplerSetup, n_asks: int) -> BaseSampler:
    """The sampler of this name.

    n_asks: asks the study has seen. It is mixed into the seed, so that a resume continues with new draws
    instead of repeating the first ones; the sequence of `qmc` keeps its place in the storage and must
    keep its seed.

    Raises:
        SearchError: there is no sampler of this name.
    """
    if name not in SAMPLERS:
        raise SearchError(f"sampler.name: got {name!r}, allowed: {', '.join(SAMPLERS)}")
    seed = setup.seed if name in _KEEPS_ITS_SEED else mix(setup.seed, n_asks)
    with warnings.catch_warnings():
        # "group" and qmc are marked experimental; what we use of them is tested here.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return SAMPLERS[name](replace(setup, seed=seed))


def is_conditional(space: Space) -> bool:
    """Whether some parameter exists only for some values of others."""
    return any(parameter.when for parameter in space.search.values())


def mix(seed: int, n_asks: int) -> int:
    """A 32-bit seed made of both numbers."""
    return int(np.random.SeedSequence([seed, n_asks]).generate_state(1)[0])
