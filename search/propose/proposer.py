"""Which config is tried next: asks Optuna, rejects duplicates, detects when a finite space is used up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from search.config_key import probe_key_of, resolve
from search.errors import SearchError
from search.propose.draws import OptunaDraw
from search.propose.optuna_priors import OptunaPriors
from search.propose.samplers import SamplerSetup, make_sampler, mix
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from snncore.errors import ConfigError
from spaces.draw import RandomDraw
from spaces.space import Space
from spaces.walk import count_params, enumerate_params, suggest

Resolve = Callable[[Space, Mapping[str, Any]], tuple[dict[str, Any], str]]
"""From params to the full config and its key, raising ConfigError for a config that cannot be trained."""

MAX_DUPLICATES = 10
"""After so many duplicates in a row the next config is drawn at random."""

MAX_RANDOM_DRAWS = 200
MAX_ENUMERATED = 20_000
"""A finite space up to this size is enumerated to find what is left; checking a config takes 0.1 ms."""


class Proposer:
    """Proposes configs that have not been tried in this study.

    resolve, probe_key: of other configs than the trainer's, such as those of a table. exhausted: why `next`
    returned None, in words for the user.
    """

    def __init__(
        self,
        store: TrialStore,
        space: Space,
        resolve: Resolve = resolve,
        probe_key: Callable[[Mapping[str, Any], str], str] = probe_key_of,
    ) -> None:
        self._store, self._space, self._resolve = store, space, resolve
        self._probe_key = probe_key
        sampler, seed = space.sampler.name, space.sampler.seed
        setup = SamplerSetup(seed, space, store, resolve, probe_key)
        store.study.sampler = make_sampler(sampler, setup, store.stream())
        self._random = np.random.default_rng(mix(seed, store.stream() + 1))
        self._grid = self._shuffled(np.random.default_rng(seed)) if sampler == "grid" else None
        self._optuna_priors = OptunaPriors(store, space)
        self.exhausted: str | None = None

    def next(self) -> StoredTrial | None:
        """Open the next trial in the store; None when nothing new can be found."""
        self._optuna_priors.add_new()
        while has_queue(self._store.study):
            trial = self._ask()
            if trial is not None:
                return trial
        if self.exhausted is not None:
            return None  # called many times a second until the last trials have ended
        if self._grid is not None:
            return self._take(self._grid)
        for _ in range(MAX_DUPLICATES):
            trial = self._ask()
            if trial is not None:
                return trial
        return self._draw_at_random()

    def _ask(self) -> StoredTrial | None:
        """One ask of the sampler; None when it was a duplicate or cannot be trained."""
        optuna_trial = self._store.study.ask()
        self._store.n_asks += 1
        params = suggest(self._space, OptunaDraw(optuna_trial))
        try:
            config, key = self._resolve(self._space, params)
        except ConfigError as error:
            self._store.reject(optuna_trial, str(error))
            return None
        if key in self._store.by_key:
            self._store.reject(optuna_trial, f"the same as trial {self._store.by_key[key]}")
            return None
        return self._store.open(optuna_trial, params, config, key, self._probe_key(config, key))

    def _draw_at_random(self) -> StoredTrial | None:
        draw = RandomDraw(self._random)
        for _ in range(MAX_RANDOM_DRAWS):
            params = suggest(self._space, draw)
            if self._is_new(params):
                return self._ask_for(params)
        if _is_small(self._space):
            return self._take(self._shuffled(self._random))
        self.exhausted = f"{MAX_RANDOM_DRAWS} random draws in a row gave only configs already tried"
        return None

    def _take(self, order: Iterator[dict[str, Any]]) -> StoredTrial | None:
        """The first params of the order that are new; None, and `exhausted` set, when there are none."""
        for params in order:
            if self._is_new(params):
                return self._ask_for(params)
        self.exhausted = "every config of the space has been tried"
        return None

    def _is_new(self, params: dict[str, Any]) -> bool:
        try:
            return self._resolve(self._space, params)[1] not in self._store.by_key
        except ConfigError:
            return False

    def _ask_for(self, params: dict[str, Any]) -> StoredTrial:
        """An ask with given params, so that Optuna learns from this trial like from any other."""
        self._store.study.enqueue_trial(params)
        trial = None
        while trial is None:  # a driver that died may have left asks in the queue before this one
            trial = self._ask()
        return trial

    def _shuffled(self, generator: np.random.Generator) -> Iterator[dict[str, Any]]:
        # In the order of the file, a budget smaller than the grid would see one corner of it only.
        everything = list(enumerate_params(self._space))
        return (everything[at] for at in generator.permutation(len(everything)))


def require_sampler(space: Space) -> None:
    """Check that a space is one its sampler can take.

    Raises:
        SearchError: it is not.
    """
    if space.sampler.name == "grid" and not _is_small(space):
        n = count_params(space)
        size = "not finite" if n is None else f"of {n} configs, more than {MAX_ENUMERATED}"
        raise SearchError(f"sampler.name: grid needs a small finite space, this one is {size}")


def has_queue(study: optuna.Study) -> bool:
    """Whether queued params wait to be tried: recipes, the best of earlier studies."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def _is_small(space: Space) -> bool:
    n = count_params(space)
    return n is not None and n <= MAX_ENUMERATED
