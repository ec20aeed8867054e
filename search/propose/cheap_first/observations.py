"""What is known so far, as arrays: all that the models are fitted to.

Shapes: n configs, d columns of their codes, k targets. NaN: not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Observations:
    """One row a config; where there are thousands, a selection of them.

    codes: (n, d). costs: (n, k), see `search.propose.cheap_first.targets`. cost_sd: (n, k) the standard
    deviation of costs that were estimated, 0 for those measured. worked: (n,) 1 trained without a
    fault, 0 could not be trained (diverged, out of memory), NaN not known. is_running, is_trial: (n,);
    what is no trial was only probed.
    feasible_costs: (s, k) the costs of *all* complete trials that violate no limit.
    """

    codes: Floats
    costs: Floats
    cost_sd: Floats
    worked: Floats
    is_running: Mask
    is_trial: Mask
    feasible_costs: Floats
