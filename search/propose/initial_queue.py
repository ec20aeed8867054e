"""The initial queue of a study: published recipes, and the best params of earlier studies.

Queued params are tried before the sampler's proposals, once, and survive a resume: they wait in the storage.
Samplers learn from priors; they are not trials of this study and are never in its record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search.config_key import probe_key_of, resolve
from search.constraints import broken_limits
from search.propose.baselines import baselines
from search.propose.warm_start import WarmStart
from search.trials.store import TrialStore
from spaces.space import Space

MAX_QUEUED_SHARE = 0.25
"""At most this share of the budget goes to trying what earlier studies found best."""


def queue_baselines(store: TrialStore, space: Space) -> int:
    """Queue the published recipes that lie in the space; how many there are."""
    return _enqueue(store, space, baselines(space))


def use_warm_start(store: TrialStore, space: Space, warm_start: WarmStart) -> None:
    """Queue the best of an earlier study and keep its trials to learn from."""
    n_most = max(1, int(MAX_QUEUED_SHARE * space.budget.trials))
    _enqueue(store, space, warm_start.queue[:n_most])
    store.remember_priors(warm_start.priors)


def _enqueue(store: TrialStore, space: Space, queue: Sequence[dict[str, Any]]) -> int:
    keys = set(store.by_key)
    n_queued = 0
    for params in queue:
        config, key = resolve(space, params)
        probed = store.probed.get(probe_key_of(config, key), {})
        if key not in keys and broken_limits(probed, store.limits) is None:
            keys.add(key)
            n_queued += 1
            store.study.enqueue_trial(params)
    return n_queued
