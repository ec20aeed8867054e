"""When two params are the same trial: from params to the full config and the key of its canonical form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from snncore.config.load import make_config
from snncore.config.probe_key import probe_key
from snncore.config.rules import canonical
from snncore.config.schema import Config
from snncore.errors import ConfigError
from spaces.condition import UNSET, same
from spaces.space import Space
from spikefront.nested import flattened

FORM = "2"
"""Of the canonical config, in front of each key: other fields may be dropped under another number."""

_latest: tuple[Mapping[str, Any], Config] | None = None
"""What `resolve` returned last, and its checked form: its probe key is mostly asked for next."""


def resolve(space: Space, params: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The full config of params, every default written out, and the key of its canonical form.

    Raises:
        ConfigError: the space lets through a config that the trainer cannot run.
    """
    global _latest
    config = make_config(space.resolve(params), space.name)
    _latest = (config.as_dict(), config)
    return _latest[0], key_of(config)


def key_of(config: Config) -> str:
    """Equal for configs that are the same trial (`snncore.config.rules.canonical`)."""
    return f"{FORM}-{fingerprint(canonical(config))}"


def key_today(key: str, config: Mapping[str, Any]) -> str:
    """The key of a config that was stored with `key`, which may be of an earlier form.

    The stored one stays where this trainer no longer takes the config, or never did (`search.simulate`).
    """
    if key.startswith(f"{FORM}-"):
        return key
    try:
        return key_of(make_config(config))
    except ConfigError:
        return key


def probe_key_of(config: Mapping[str, Any], key: str) -> str:
    """What configs with equal probed metrics share: `snncore.config.probe_key`. key: the config's own.

    Of the mapping that `resolve` returned last, as it was then, the checked form is at hand.
    """
    if _latest and _latest[0] is config:
        return probe_key(_latest[1])
    return probe_key(make_config(config))


def fingerprint(values: Mapping[str, Any]) -> str:
    """A short hash of plain values: equal for equal content, whatever the order of the keys."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def disagreements(one: Config, other: Config) -> dict[str, tuple[Any, Any]]:
    """Dotted fields of the canonical forms that differ, with both values; UNSET: the field has no effect."""
    values, others = (flattened(canonical(config)) for config in (one, other))
    return {
        name: pair
        for name in dict.fromkeys([*values, *others])
        if not same(*(pair := (values.get(name, UNSET), others.get(name, UNSET))))
    }
