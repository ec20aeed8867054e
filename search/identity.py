"""When two params are the same trial: from params to the full config and the key of its canonical form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from snncore.config import make_config
from snncore.probe_key import probe_key
from snncore.rules import canonical
from spaces.space import Space


def resolve(space: Space, params: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The full config of params, every default written out, and the key of its canonical form.

    Raises:
        ConfigError: the space lets through a config that the trainer cannot run.
    """
    config = make_config(space.resolve(params), space.name)
    return config.as_dict(), fingerprint(canonical(config))


def probe_key_of(config: Mapping[str, Any], key: str) -> str:
    """What configs share whose probed metrics must be equal: `snncore.probe_key`. key: the config's own."""
    return probe_key(make_config(config))


def fingerprint(values: Mapping[str, Any]) -> str:
    """A short hash of plain values: equal for equal content, whatever the order of the keys."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
