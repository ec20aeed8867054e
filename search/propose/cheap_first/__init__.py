"""The cheap-first sampler: what a config costs is known before it is trained, so only the rest is guessed.

Many candidates are drawn, from the space and around the front. Their cheap costs (memory, latency, size)
are probed within a budget, or predicted; their expensive ones (accuracy) are modelled by a Gaussian process
that also sees the cheap ones. The candidate with the largest expected gain in hypervolume, given what is
finished and what is running, is tried next.

From the outside in: `sampler` (Optuna's view), `observe` (from the store to `observations`), `select` (one
choice), `acquisition` (the value of a candidate), `posterior` and `gp` (the models), `ehvi` (hypervolume),
`encoding`, `candidates`, `pool`, `space_filling`, `extrapolate`, `transform`, `targets`. All but the first
two know neither Optuna nor the store.
"""

from search.propose.cheap_first.observe import StoreView
from search.propose.cheap_first.sampler import CheapFirstSampler, ProbeKey, Resolve

__all__ = ["CheapFirstSampler", "ProbeKey", "Resolve", "StoreView"]
