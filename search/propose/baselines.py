"""Configs worth training before any other: the published recipes that lie in a space, and their baselines.

Their place on the front tells how far the search has come beyond what one would have trained without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.config_key import disagreements, resolve
from search.propose.config_to_params import OutsideError, params_of
from snncore.config.load import make_config
from snncore.config.presets import PRESETS
from snncore.config.schema import Config
from snncore.errors import ConfigError
from spaces.space import Space
from spikefront.nested import put

FREE: dict[str, str] = {
    "data.root": "where the files lie",
    "data.train_limit": "how much of the data a study can afford",
    "data.val_fraction": "papers train on everything, a search must keep something to compare by",
    "measure.batch_size": "how latency is measured",
    "measure.device": "how latency is measured",
    "measure.exit_confidence": "how stopping early is measured",
    "measure.threads": "how latency is measured",
    "optim.epochs": "how long a study can afford to train; schedules stretch with it",
    "precision": "what the device is fast at",
    "seed": "a recipe is for every seed",
}
"""Fields in which a config may differ from a recipe and still be it, each with the reason."""


def baselines(space: Space) -> list[dict[str, Any]]:
    """Params of recipes that lie in the space, the best known first, each config once; [] where none does.

    First what `base` alone says: its preset's recipe, or without a preset the trainer's defaults. Then every
    other published recipe that agrees with the space in all fields but those in `FREE`. Then each of these
    with distillation.mode none: the baseline that every paper compares with.
    """
    params_by_key: dict[str, dict[str, Any]] = {}
    recipes = list(_recipes(space))
    for recipe in [*recipes, *map(_undistilled, recipes)]:
        params = _params_in(space, recipe)
        if params is not None:
            params_by_key.setdefault(resolve(space, params)[1], params)
    return list(params_by_key.values())


def _recipes(space: Space) -> Iterator[Config]:
    for values in (space.base, *({"preset": name} for name in PRESETS)):
        try:
            yield make_config(values)
        except ConfigError:
            continue  # a base that only the searched fields make whole


def _undistilled(recipe: Config) -> Config:
    values = recipe.as_dict()
    put(values, "distillation.mode", "none")
    return make_config(values)


def _params_in(space: Space, recipe: Config) -> dict[str, Any] | None:
    """The params that make a recipe of the space; None when it does not lie there."""
    try:
        params = params_of(space, recipe, FREE)
        config = make_config(space.resolve(params))
    except (OutsideError, ConfigError):
        return None
    return None if set(disagreements(config, recipe)) - set(FREE) else params
