"""The sampler that Optuna sees; it connects the study's store with the selector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from search.config_key import probe_key_of, resolve
from search.propose.cheap_first.candidates import Identity, Params
from search.propose.cheap_first.encoding import Encoding
from search.propose.cheap_first.observe import Observer, StoreView, thinned
from search.propose.cheap_first.select import N_POOL, Selector, Snapshot
from search.propose.cheap_first.targets import targets_of
from search.propose.optuna_space import distributions
from search.trials.stored_trial import StoredTrial
from snncore.errors import ConfigError
from spaces.space import Space

Floats = NDArray[np.float64]
Resolve = Callable[[Space, Mapping[str, Any]], tuple[dict[str, Any], str]]
ProbeKey = Callable[[Mapping[str, Any], str], str]

MAX_PROBED = 150
"""So many configs that were only probed are learned from."""


class CheapFirstSampler(BaseSampler):  # type: ignore[misc]  # optuna carries no types here
    """Proposes the config with the largest expected gain in hypervolume, knowing what is cheap to know.

    It learns from the store alone: trials of all states, `probed` and `priors`. resolve: of other configs
    than the trainer's. probe_key: from a config and its key to the key under which `store.probed` has it.
    """

    def __init__(
        self,
        space: Space,
        store: StoreView,
        seed: int,
        resolve: Resolve = resolve,
        probe_key: ProbeKey = probe_key_of,
    ) -> None:
        self._space, self._store, self._resolve, self._probe_key = space, store, resolve, probe_key
        self._distributions = distributions(space)
        self._targets = targets_of(store.objectives, store.limits)
        encoding = Encoding(space)
        self._observer = Observer(self._targets, encoding, store, self._probed_metrics)
        self._selector = Selector(space, self._targets, encoding, self._identify, np.random.default_rng(seed))
        self._independent = RandomSampler(seed=seed)
        # Its matrices are small: more threads only fight with the trials for the cores.
        self._threads = ThreadpoolController()

    def wanted(self, n: int | None) -> list[dict[str, Any]]:
        """At most n params, None for no limit, whose cheap metrics it would like to know before it chooses.

        None that it has asked for before, and none whose metrics are known; empty where nothing is cheap.
        """
        limit = N_POOL if n is None else n
        if limit <= 0 or not any(target.is_cheap for target in self._targets):
            return []
        with self._threads.limit(limits=1):
            return [dict(params) for params in self._selector.wanted(limit, self._snapshot())]

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All parameters, active or not."""
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The params of the choice, only the active ones; nothing when all candidates have been tried."""
        with self._threads.limit(limits=1):
            return dict(self._selector.select(self._snapshot()) or {})

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value, for what `sample_relative` has left open."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _snapshot(self) -> Snapshot:
        self._selector.take_probes(self._costs_of)
        store, observer = self._store, self._observer
        tried = observer.tried()
        probed = [one for one in thinned(self._selector.probed, MAX_PROBED) if one.label not in tried]
        observations, parents = observer.observe([(one.params, one.costs) for one in probed])
        return Snapshot(
            observations=observations,
            parents=parents,
            tried=tried,
            is_new=lambda key: key not in store.by_key,
            costs_of=self._costs_of,
        )

    def _identify(self, params: Params) -> Identity | None:
        try:
            config, key = self._resolve(self._space, params)
        except ConfigError:
            return None
        return Identity(key, self._probe_key(config, key))

    def _costs_of(self, probe_key: str) -> Floats | None:
        metrics = self._store.probed.get(probe_key)
        return None if metrics is None else self._observer.cheap_costs(metrics)

    def _probed_metrics(self, trial: StoredTrial) -> Mapping[str, Any]:
        return self._store.probed.get(self._probe_key(trial.config, trial.key), {})
