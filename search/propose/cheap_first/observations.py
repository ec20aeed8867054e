"""What is known so far, as arrays: the only thing the numeric core learns from.

Shapes: n configs, d columns of their codes, k goals. NaN: not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """One row a config; where there are thousands, a selection of them.

    codes: (n, d). costs: (n, k), see `search.propose.cheap_first.targets`. doubt: (n, k) the standard
    deviation of costs that were estimated, 0 for those measured. worked: (n,) 1 trained without a
    fault, 0 could not be trained (diverged, out of memory), NaN not known. is_running, is_trial: (n,);
    what is no trial was only probed.
    standing: (s, k) the costs of *all* complete trials that violate no limit.
    """

    codes: Floats
    costs: Floats
    doubt: Floats
    worked: Floats
    is_running: Mask
    is_trial: Mask
    standing: Floats
