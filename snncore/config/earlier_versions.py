"""What a recorded config means otherwise in this version, though none of its fields tells. Knows no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def changed_meaning(config: Mapping[str, Any]) -> str | None:
    """What this version would train otherwise than the one that wrote a whole config, or None.

    config: nested, as it was written: not completed with this version's defaults.
    """
    data = config.get("data")
    if isinstance(data, Mapping) and data.get("name") == "cifar10" and "cutout" not in data:
        return (
            "CIFAR-10 was normalised by the std 0.2470, 0.2435, 0.2616, and is by P1's 0.2023, 0.1994, 0.2010"
        )
    return None
