"""Recorded configs that this version would train differently, with equal fields. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def changed_meaning(config: Mapping[str, Any]) -> str | None:
    """What this version does differently from the version that wrote a complete config, or None.

    config: nested, as it was written, without this version's defaults filled in.
    """
    data = config.get("data")
    if isinstance(data, Mapping) and data.get("name") == "cifar10" and "cutout" not in data:
        return "CIFAR-10 was normalised with std 0.2470, 0.2435, 0.2616, now with P1's 0.2023, 0.1994, 0.2010"
    return None
