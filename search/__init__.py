"""The engine: Ray Tune runs trials, Optuna proposes them, records go to `studies`.

Names are imported on first use, so that a worker loads only what a trial needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikefront.lazy import lazy_names

if TYPE_CHECKING:
    from search.engine import run_study
    from search.errors import SearchError, StudyFailedError
    from search.options import RunOptions

__all__ = ["RunOptions", "SearchError", "StudyFailedError", "run_study"]

__getattr__ = lazy_names(
    __name__,
    {
        "RunOptions": "search.options",
        "SearchError": "search.errors",
        "StudyFailedError": "search.errors",
        "run_study": "search.engine",
    },
)
