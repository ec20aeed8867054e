"""Where the data are on this machine: each node of a cluster may have its own data root."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA_VARIABLE = "SPIKEFRONT_DATA"
"""Where it is set, trials on that machine look for their data there, whatever the space says."""


def local_root(root: str) -> str:
    """The data root on this machine, where `root` is the space's."""
    chosen = os.environ.get(DATA_VARIABLE)
    return str(Path(chosen).expanduser().absolute()) if chosen else root


def with_local_root(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config as a trial on this machine must read it."""
    data = config["data"]
    return {**config, "data": {**data, "root": local_root(data["root"])}}
