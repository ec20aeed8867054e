"""Which config is tried next: asks Optuna, turns duplicates away, knows when a finite space is used up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from search.draws import OptunaDraw
from search.errors import SearchError
from search.identity import resolve
from search.ledger import Entry, Ledger
from search.samplers import make_sampler, mix
from snncore.errors import ConfigError
from spaces.draw import RandomDraw
from spaces.space import Space
from spaces.walk import enumerate_params, suggest

MAX_DUPLICATES = 10
"""So many duplicates in a row, and the sampler has nothing new to say: draw at random."""

MAX_RANDOM_DRAWS = 200
MAX_ENUMERATED = 20_000
"""A finite space up to this size is enumerated to find what is left; checking a config takes 0.1 ms."""


class Proposer:
    """Proposes configs nobody has tried in this study.

    exhausted: why `next` returned None, in words for the user.
    """

    def __init__(self, ledger: Ledger, space: Space) -> None:
        self._ledger, self._space = ledger, space
        sampler, seed = space.sampler.name, space.sampler.seed
        ledger.study.sampler = make_sampler(sampler, seed, ledger.n_asks, is_conditional(space))
        self._random = np.random.default_rng(mix(seed, ledger.n_asks + 1))
        self._grid = self._grid_order(seed) if sampler == "grid" else None
        self.exhausted: str | None = None

    def next(self) -> Entry | None:
        """Open the next trial in the ledger; None when nothing new can be found."""
        if self._grid is not None:
            return self._take(self._grid)
        for _ in range(MAX_DUPLICATES):
            entry = self._ask()
            if entry is not None:
                return entry
        return self._draw_at_random()

    def _ask(self) -> Entry | None:
        """One ask of the sampler; None when it was a duplicate or cannot be trained."""
        trial = self._ledger.study.ask()
        self._ledger.n_asks += 1
        params = suggest(self._space, OptunaDraw(trial))
        try:
            config, key = resolve(self._space, params)
        except ConfigError as error:
            self._ledger.reject(trial, str(error))
            return None
        if key in self._ledger.by_key:
            self._ledger.reject(trial, f"the same as trial {self._ledger.by_key[key]}")
            return None
        return self._ledger.open(trial, params, config, key)

    def _draw_at_random(self) -> Entry | None:
        draw = RandomDraw(self._random)
        for _ in range(MAX_RANDOM_DRAWS):
            params = suggest(self._space, draw)
            if self._is_new(params):
                return self._ask_for(params)
        if _is_small(self._space):
            return self._take(self._shuffled(self._random))
        self.exhausted = f"{MAX_RANDOM_DRAWS} random draws in a row gave only configs already tried"
        return None

    def _take(self, order: Iterator[dict[str, Any]]) -> Entry | None:
        """The first params of the order that are new; None, and `exhausted` set, when there are none."""
        for params in order:
            if self._is_new(params):
                return self._ask_for(params)
        self.exhausted = "every config of the space has been tried"
        return None

    def _is_new(self, params: dict[str, Any]) -> bool:
        try:
            return resolve(self._space, params)[1] not in self._ledger.by_key
        except ConfigError:
            return False

    def _ask_for(self, params: dict[str, Any]) -> Entry:
        """An ask with given params, so that Optuna learns from this trial like from any other."""
        self._ledger.study.enqueue_trial(params)
        entry = None
        while entry is None:  # a driver that died may have left asks in the queue before this one
            entry = self._ask()
        return entry

    def _grid_order(self, seed: int) -> Iterator[dict[str, Any]]:
        if not _is_small(self._space):
            n = self._space.n_configs()
            size = "not finite" if n is None else f"of {n} configs, more than {MAX_ENUMERATED}"
            raise SearchError(f"sampler.name: grid needs a small finite space, this one is {size}")
        return self._shuffled(np.random.default_rng(seed))

    def _shuffled(self, generator: np.random.Generator) -> Iterator[dict[str, Any]]:
        # In the order of the file, a budget smaller than the grid would see one corner of it only.
        everything = list(enumerate_params(self._space))
        return (everything[at] for at in generator.permutation(len(everything)))


def is_conditional(space: Space) -> bool:
    """Whether some parameter exists only for some values of others."""
    return any(parameter.when for parameter in space.search.values())


def _is_small(space: Space) -> bool:
    n = space.n_configs()
    return n is not None and n <= MAX_ENUMERATED
