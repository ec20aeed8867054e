"""The next config: candidates are gathered, scored, looked up, and the best new one is selected."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.propose.cheap_first.acquisition import Acquisition
from search.propose.cheap_first.candidates import Candidate, Identify, Identity, Params, label_of
from search.propose.cheap_first.encoding import Encoding
from search.propose.cheap_first.observations import Observations
from search.propose.cheap_first.pool import Pool
from search.propose.cheap_first.posterior import HyperparameterCache
from search.propose.cheap_first.space_filling import distances
from search.propose.cheap_first.targets import Target
from spaces.space import Space

Floats = NDArray[np.float64]

N_START = 10
"""So many trials fill the space before the acquisition function decides."""
N_POOL = 512
"""New candidates for each choice."""
SHARE_NEAR = 0.5
"""Of these: changed copies of the front. The rest is drawn from the space."""
N_SPACE_FILLING = 200
"""New candidates for each of the first trials."""
N_KEPT = 400
"""The best candidates stay for the next choice."""
MAX_DRAWS = 5
"""A pool in which nothing is new or allowed is filled so often."""
MAX_SPACE = 2000
"""A space of up to so many configs is its own pool."""
N_LOOKED_UP = 48
"""So many of the best are resolved and looked up before one is selected."""


@dataclass(frozen=True)
class Snapshot:
    """What is known before a choice.

    parents: params of the front and of the best earlier trials. tried: the `label_of` of all params tried.
    is_new: whether a config's key belongs to no trial yet. costs_of: the costs (k,) known by a probe key,
    NaN for those that are not cheap.
    """

    observations: Observations
    parents: Sequence[Params]
    tried: Set[Hashable]
    is_new: Callable[[str], bool]
    costs_of: Callable[[str], Floats | None]


class Selector:
    """Selects candidates of one space; the pool lasts from one choice to the next.

    probed: of each probe that was answered, the candidate for which that was first seen.
    """

    def __init__(
        self,
        space: Space,
        targets: list[Target],
        encoding: Encoding,
        identify: Identify,
        generator: np.random.Generator,
    ) -> None:
        self._targets, self._encoding = targets, encoding
        self._identify, self._generator = identify, generator
        self._source = Pool(space, generator)
        self._cache = HyperparameterCache()
        self._pool: dict[Hashable, Candidate] = {}
        everything = self._source.everything(MAX_SPACE)
        self._is_whole = everything is not None
        self._add(everything or [])
        self._is_gathered = self._is_whole
        self._asked: set[str] = set()
        self.probed: list[Candidate] = []
        self._answered: set[str] = set()

    def take_probes(self, costs_of: Callable[[str], Floats | None]) -> None:
        """Take in the results of probes; `probed` is complete after this."""
        for candidate in self._pool.values():
            if candidate.identity is not None and not candidate.is_probed:
                self._note_costs(candidate, candidate.identity, costs_of)

    def wanted(self, n: int, snapshot: Snapshot) -> list[Params]:
        """At most n params whose cheap costs would help the next choice most; no probe is asked for twice."""
        self._gather(snapshot)
        order = self._in_order(list(self._pool.values()), self._score_of(snapshot))
        wanted: list[Params] = []
        for candidate in [one for one in order if self._may_be_asked_for(one)][: 4 * n]:
            identity = self._look_up(candidate, snapshot)
            if identity is not None and self._may_be_asked_for(candidate):
                self._asked.add(identity.probe_key)
                wanted.append(candidate.params)
            if len(wanted) == n:
                break
        return wanted

    def select(self, snapshot: Snapshot) -> Params | None:
        """The params of the next trial; None when no candidate is new, or all that are violate a limit."""
        score = self._score_of(snapshot)
        for _ in range(MAX_DRAWS):
            self._gather(snapshot)
            order = self._in_order(list(self._pool.values()), score)
            # What is looked up may turn out to be probed under other params: these few are scored again.
            best = self._in_order(self._first_new(order, snapshot), score)
            if not self._is_whole:
                self._is_gathered = False
                self._pool = {one.label: one for one in order[:N_KEPT] if one.label in self._pool}
            if best:
                self._pool.pop(best[0].label, None)
                return best[0].params
        return None

    # gathering

    def _gather(self, snapshot: Snapshot) -> None:
        """Fill the pool, once for each choice (a small space once for all), and take out what was tried."""
        if not self._is_gathered:
            self._add(self._drawn(snapshot))
            self._is_gathered = True
        for name in snapshot.tried & self._pool.keys():
            del self._pool[name]

    def _drawn(self, snapshot: Snapshot) -> Iterable[Params]:
        if _is_start(snapshot.observations):
            return self._source.fresh(N_SPACE_FILLING)
        n_near = int(N_POOL * SHARE_NEAR) if snapshot.parents else 0
        near = self._source.near(snapshot.parents, n_near)
        # Parents that have not been tried here are those of earlier studies.
        return [*self._source.fresh(N_POOL - n_near), *near, *snapshot.parents]

    def _add(self, drawn: Iterable[Params]) -> None:
        new = {label_of(params): params for params in drawn}
        new = {name: params for name, params in new.items() if name not in self._pool}
        blank = np.full(len(self._targets), np.nan)
        for (name, params), code in zip(new.items(), self._encoding.encode(list(new.values())), strict=True):
            self._pool[name] = Candidate(params, code, blank, name)

    # scoring

    def _score_of(self, snapshot: Snapshot) -> Callable[[Floats, Floats], Floats]:
        """A function from codes (c, d) and costs (c, k) of candidates to scores (c,); more is better."""
        observations = snapshot.observations
        acquisition = Acquisition(
            self._targets, observations, self._encoding.groups, self._cache, self._generator
        )
        if not acquisition.lacks_models and not _is_start(observations):
            return acquisition.of
        return lambda codes, costs: distances(observations, codes, costs) * acquisition.chance(codes, costs)

    def _in_order(
        self, candidates: Sequence[Candidate], score: Callable[[Floats, Floats], Floats]
    ) -> list[Candidate]:
        """The candidates, best first, ties in random order; without those known to violate a limit."""
        if not candidates:
            return []
        costs = np.array([one.costs for one in candidates])
        is_allowed = self._allows(costs)
        allowed = [one for one, holds in zip(candidates, is_allowed, strict=True) if holds]
        scores = score(np.array([one.code for one in allowed]), costs[is_allowed]) if allowed else np.empty(0)
        order = np.lexsort((self._generator.random(len(scores)), -scores))
        return [allowed[at] for at in order]

    def _allows(self, costs: Floats) -> NDArray[np.bool_]:
        """Which costs (c, k) are not known to violate a limit."""
        is_allowed = np.ones(len(costs), dtype=np.bool_)
        for at, target in enumerate(self._targets):
            is_allowed &= target.allows(costs[:, at])
        return is_allowed

    # looking up

    def _first_new(self, order: Sequence[Candidate], snapshot: Snapshot) -> list[Candidate]:
        """The first N_LOOKED_UP candidates, or where all of these are old the first one that is new."""
        new: list[Candidate] = []
        for place, candidate in enumerate(order):
            if place >= N_LOOKED_UP and new:
                break
            if self._look_up(candidate, snapshot) is not None:
                new.append(candidate)
        return new

    def _may_be_asked_for(self, candidate: Candidate) -> bool:
        is_asked = candidate.identity is not None and candidate.identity.probe_key in self._asked
        return not candidate.is_probed and not is_asked

    def _look_up(self, candidate: Candidate, snapshot: Snapshot) -> Identity | None:
        """Its identity, and its costs if they are known; None, and out of the pool, where it is not new."""
        if candidate.identity is None:
            candidate.identity = self._identify(candidate.params)
        if candidate.identity is None or not snapshot.is_new(candidate.identity.key):
            self._pool.pop(candidate.label, None)
            return None
        if not candidate.is_probed:
            self._note_costs(candidate, candidate.identity, snapshot.costs_of)
        return candidate.identity

    def _note_costs(
        self, candidate: Candidate, identity: Identity, costs_of: Callable[[str], Floats | None]
    ) -> None:
        costs = costs_of(identity.probe_key)
        if costs is not None:
            candidate.costs = costs
            if identity.probe_key not in self._answered:
                self._answered.add(identity.probe_key)
                self.probed.append(candidate)


def _is_start(observations: Observations) -> bool:
    return int(observations.is_trial.sum()) < N_START
