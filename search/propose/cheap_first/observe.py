"""From the store to `Observations`: which trials count, and for what."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from search.constraints import Bounds, is_measured
from search.propose.cheap_first.candidates import Params, label_of
from search.propose.cheap_first.encoding import Encoding
from search.propose.cheap_first.extrapolate import Change, change_to_come
from search.propose.cheap_first.observations import Observations
from search.propose.cheap_first.targets import Target
from search.trials.stored_trial import StoredTrial
from studies.model import Objective
from studies.points import is_non_dominated, non_dominated_ranks

Floats = NDArray[np.float64]
ProbedMetrics = Callable[[StoredTrial], Mapping[str, Any]]
"""What a probe ahead of a trial has measured; empty where nothing is known."""

MAX_TRIALS = 300
"""So many trials are learned from: a Gaussian process is cubic in them."""


class PriorView(Protocol):
    """A finished trial of an earlier study, see `search.trials.prior`."""

    params: dict[str, Any]
    metrics: dict[str, Any]


class StoreView(Protocol):
    """What is read of a store, see `search.trials.store`."""

    objectives: tuple[Objective, ...]
    limits: dict[str, Bounds]
    trials: dict[int, StoredTrial]
    by_key: dict[str, int]
    probed: dict[str, dict[str, Any]]
    priors: list[Any]


@dataclass(frozen=True)
class Row:
    """One config. state: of its trial, or "prior", or "probed". costs, cost_sd: (k,), see `Observations`.

    is_allowed: no known cost violates a limit.
    """

    params: Params
    state: str
    costs: Floats
    cost_sd: Floats
    is_allowed: bool
    worked: float = np.nan
    number: int = -1


class Observer:
    """Observes one store again and again; what has ended is read once."""

    def __init__(
        self, targets: list[Target], encoding: Encoding, store: StoreView, probed: ProbedMetrics
    ) -> None:
        self._targets, self._encoding, self._store, self._probed = targets, encoding, store, probed
        self._is_cheap = np.array([target.is_cheap for target in targets])
        self._objectives = [at for at, target in enumerate(targets) if target.is_objective]
        self._ended: dict[int, Row] = {}
        self._noted: set[int] = set()
        self._tried: set[Hashable] = set()
        self._changes: dict[tuple[int, int, int], Change | None] = {}

    def observe(self, probed: Sequence[tuple[Params, Floats]]) -> tuple[Observations, list[Params]]:
        """All that is known now, and the params of the front with those of the best earlier trials.

        probed: params and costs (k,) of configs that were only probed.
        """
        rows = self._trials() + self._priors()
        all_costs = self._stacked([row.costs for row in rows])
        is_good = np.array([row.is_allowed for row in rows], dtype=np.bool_)
        is_feasible = is_good & np.array([row.state == "complete" for row in rows], dtype=np.bool_)
        chosen = [rows[at] for at in self._selected(rows, all_costs)]
        blank = np.zeros(len(self._targets))
        looked = [Row(params, "probed", costs, blank, True) for params, costs in probed]
        learned = [*map(self._with_estimates, chosen), *looked]
        observations = Observations(
            codes=self._encoding.encode([row.params for row in learned]),
            costs=self._stacked([row.costs for row in learned]),
            cost_sd=self._stacked([row.cost_sd for row in learned]),
            worked=np.array([row.worked for row in learned], dtype=np.float64),
            is_running=np.array([row.state == "running" for row in learned], dtype=np.bool_),
            is_trial=np.array([row.state != "probed" for row in learned], dtype=np.bool_),
            feasible_costs=all_costs[is_feasible],
        )
        # Of what has not ended well some objective is NaN, and such a row is never on a front.
        good = np.flatnonzero(is_good)
        best = good[is_non_dominated(all_costs[good][:, self._objectives])]
        return observations, [rows[at].params for at in best]

    def tried(self) -> Set[Hashable]:
        """The `label_of` of the params of every trial, in whatever state."""
        for number in self._store.trials.keys() - self._noted:
            self._noted.add(number)
            self._tried.add(label_of(self._store.trials[number].params))
        return self._tried

    def cheap_costs(self, metrics: Mapping[str, Any]) -> Floats:
        """The costs (k,) of cheap targets among some metrics; NaN for all others."""
        return np.where(self._is_cheap, self._costs(metrics), np.nan)

    def _trials(self) -> list[Row]:
        rows = []
        for number, trial in self._store.trials.items():
            row = self._ended.get(number)
            if row is None:
                row = self._row(trial)
                if trial.state != "running":
                    self._ended[number] = row
            if row.state != "failed" and getattr(trial, "replicate_of", None) is None:
                rows.append(row)
        return rows

    def _row(self, trial: StoredTrial) -> Row:
        """A trial without estimates; of one that is not complete only the cheap targets are known."""
        metrics = trial.metrics
        if trial.state == "running" and not metrics:
            metrics = dict(self._probed(trial))
        costs = self._costs(metrics) if trial.state == "complete" else self.cheap_costs(metrics)
        worked = 1.0 if trial.state in ("complete", "stopped") else np.nan
        is_allowed = self._allows(costs)
        if trial.state == "infeasible" and is_allowed:
            worked = 0.0
        return Row(trial.params, trial.state, costs, np.zeros(len(costs)), is_allowed, worked, trial.number)

    def _priors(self) -> list[Row]:
        blank = np.zeros(len(self._targets))
        priors: list[PriorView] = self._store.priors
        costs = [self._costs(prior.metrics) for prior in priors]
        return [
            Row(prior.params, "prior", cost, blank, self._allows(cost), 1.0)
            for prior, cost in zip(priors, costs, strict=True)
        ]

    def _with_estimates(self, row: Row) -> Row:
        """A stopped trial with what its last epoch says about its end."""
        if row.state != "stopped":
            return row
        costs, cost_sd, trial = row.costs.copy(), row.cost_sd.copy(), self._store.trials[row.number]
        epoch = max(trial.rows, default=0)
        for at, target in enumerate(self._targets):
            cost = None if target.is_cheap else _cost_at(trial, epoch, target)
            change = None if cost is None else self._change(epoch, at)
            if cost is not None and change is not None:
                costs[at], cost_sd[at] = cost + change.cost, change.sd
        return replace(row, costs=costs, cost_sd=cost_sd)

    def _change(self, epoch: int, at: int) -> Change | None:
        target = self._targets[at]
        place = epoch, at, len(self._ended)
        if place not in self._changes:
            changes = []
            for row in self._ended.values():
                trial = self._store.trials[row.number]
                cost = _cost_at(trial, epoch, target) if row.state == "complete" else None
                if cost is not None:
                    changes.append(float(row.costs[at]) - cost)
            self._changes[place] = change_to_come(changes)
        return self._changes[place]

    def _costs(self, metrics: Mapping[str, Any]) -> Floats:
        costs = []
        for target in self._targets:
            value = metrics.get(target.name)
            costs.append(target.sign * float(value) if is_measured(value) else np.nan)  # type: ignore[arg-type]
        return np.array(costs)

    def _stacked(self, rows: Sequence[Floats]) -> Floats:
        return np.array(rows, dtype=np.float64).reshape(-1, len(self._targets))

    def _allows(self, costs: Floats) -> bool:
        return all(bool(target.allows(costs[at])) for at, target in enumerate(self._targets))

    def _selected(self, rows: Sequence[Row], costs: Floats) -> list[int]:
        """At most MAX_TRIALS indices: those that run, the best half by rank, and some of the rest."""
        if len(rows) <= MAX_TRIALS:
            return list(range(len(rows)))
        is_running = np.array([row.state == "running" for row in rows])
        order = np.lexsort((non_dominated_ranks(costs[:, self._objectives]), ~is_running)).tolist()
        n_best = MAX_TRIALS // 2
        return sorted([*order[:n_best], *thinned(order[n_best:], MAX_TRIALS - n_best)])


def _cost_at(trial: StoredTrial, epoch: int, target: Target) -> float | None:
    value = trial.rows.get(epoch, {}).get(target.name)
    return target.sign * float(value) if is_measured(value) else None  # type: ignore[arg-type]


def thinned(items: Sequence[Any], n: int) -> Sequence[Any]:
    """At most n of the items, evenly spaced."""
    if len(items) <= n:
        return items
    return [items[at] for at in np.linspace(0, len(items) - 1, n).astype(int)]
