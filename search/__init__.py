"""The engine: Ray Tune runs trials, Optuna proposes them, records go to `studies`.

Names are imported on first use, so that a worker loads only what a trial needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.engine import run_study
    from search.errors import SearchError, StudyFailedError
    from search.options import RunOptions

__all__ = ["RunOptions", "SearchError", "StudyFailedError", "run_study"]

_HOME = {
    "RunOptions": "options",
    "SearchError": "errors",
    "StudyFailedError": "errors",
    "run_study": "engine",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'search' has no attribute {name!r}")
    return getattr(importlib.import_module(f"search.{_HOME[name]}"), name)
