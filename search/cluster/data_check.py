"""What a study needs before it starts, apart from resources: data and networks of every config it may
sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from search.cluster.node_check import NodeRequirements
from search.errors import SearchError
from search.worker.data_root import local_root
from snncore.config.load import over_preset
from snncore.config.own_arch import load_factory
from snncore.config.schema import DataConfig, ModelConfig
from snncore.data.missing import find_problem
from snncore.errors import ConfigError
from spaces.condition import UNSET
from spaces.space import Space
from spikefront.nested import get

_SECTIONS: dict[str, type[BaseModel]] = {"data": DataConfig, "model": ModelConfig}

MAX_LISTED = 10
"""So many networks that cannot be imported are listed; what is wrong with them is mostly the same."""


def require_data(space: Space) -> None:
    """Check that every data set the space can sample can be read.

    Raises:
        SearchError: one cannot; the message names the command that fixes it.
    """
    problems = []
    for name, root in _possible_data(space):
        problem = find_problem(DataConfig(name=name, root=local_root(root)))
        if problem is not None and problem not in problems:
            problems.append(problem)
    if problems:
        raise SearchError("\n".join(problems))


def require_validation(space: Space) -> None:
    """Check that every config the space can sample keeps samples for validation.

    Raises:
        SearchError: one does not; a search compares trials by them.
    """
    if any(share == 0 for share in _possible(space, "data.val_fraction")):
        raise SearchError(
            "data.val_fraction: 0 leaves no samples for validation, by which a search compares trials; "
            "set it above 0, in base or in search"
        )


def require_architectures(space: Space) -> None:
    """Import every network of the user's own that the space can sample, which runs its module.

    Raises:
        SearchError: one cannot be imported.
    """
    problems = []
    for arch in _possible(space, "model.arch"):
        try:
            load_factory(arch)
        except ConfigError as error:
            problems += [str(problem) for problem in error.problems]
    if problems:
        more = [f"and {len(problems) - MAX_LISTED} more"] if len(problems) > MAX_LISTED else []
        raise SearchError("\n".join([*problems[:MAX_LISTED], *more]))


def node_requirements(space: Space, checkpoints: str | None = None) -> NodeRequirements:
    """What every node of a cluster must have for a study; see `search.cluster.ray_cluster.ray_cluster`.

    checkpoints: where the user wants them, None for the run folder.
    """
    data = ((name, str(Path(root).expanduser().absolute())) for name, root in _possible_data(space))
    return NodeRequirements(tuple(data), checkpoints)


def _possible_data(space: Space) -> list[tuple[str, str]]:
    """Name and root of every data set that the space can sample."""
    return [(name, root) for name in _possible(space, "data.name") for root in _possible(space, "data.root")]


def _possible(space: Space, field: str) -> list[Any]:
    """All values a field of the config can have in a space; of a continuous range the two ends."""
    values: list[Any] = []
    if field in space.search:
        parameter = space.search[field]
        values = list(parameter.values())
        if not parameter.when:
            return values
        if parameter.otherwise_is_set:
            return [*values, parameter.otherwise]
    if field == "preset":
        return [*values, space.base.get("preset")]
    section, _, name = field.rpartition(".")
    default = _SECTIONS[section].model_fields[name].default
    presets = _possible(space, "preset") if "preset" in space.search else [None]
    bases = [space.base if preset is None else {**space.base, "preset": preset} for preset in presets]
    fixed = [get(over_preset(base), field, UNSET) for base in bases]
    base_values = (default if value is UNSET else value for value in fixed)
    return list(dict.fromkeys([*values, *base_values]))
