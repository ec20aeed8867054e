"""Priors for Optuna's own samplers; `cheap_first` reads the store's priors itself."""

from __future__ import annotations

from optuna.trial import create_trial

from search.constraints import is_measured, violations
from search.propose.optuna_space import distributions
from search.trials.outcome import OUTCOME
from search.trials.prior import Prior
from search.trials.store import TrialStore
from search.trials.stored_trial import PRIOR
from spaces.space import Space


class OptunaPriors:
    """Adds priors all of whose objectives are known to the Optuna study, each once, by whichever driver.

    Memory and times are only known of priors measured on this study's device, and that is only known when
    its first trial has been probed.
    """

    def __init__(self, store: TrialStore, space: Space) -> None:
        self._store, self._space = store, space
        self._seen: list[Prior] | None = None

    def add_new(self) -> None:
        """Add what is new; costs nothing where nothing is. Call inside the store's `exclusive`."""
        if self._store.priors is self._seen:
            return
        self._seen = self._store.priors
        for prior in self._seen:
            if prior.key not in self._store.priors_in_optuna and self._is_complete(prior):
                self._store.priors_in_optuna.add(prior.key)
                self._add(prior)

    def _is_complete(self, prior: Prior) -> bool:
        return all(is_measured(prior.metrics.get(objective.name)) for objective in self._store.objectives)

    def _add(self, prior: Prior) -> None:
        store = self._store
        broken = violations(prior.metrics, store.limits)
        known = distributions(self._space)
        store.study.add_trial(
            create_trial(
                params=dict(prior.params),
                distributions={name: known[name] for name in prior.params},
                values=[float(prior.metrics[objective.name]) for objective in store.objectives],
                # All of them, in the order of `search.trials.outcome`: GP refuses trials that differ in this.
                constraints={**{name: broken.get(name, 0.0) for name in store.limits}, OUTCOME: 0.0},
                user_attrs={PRIOR: prior.key},
            )
        )
