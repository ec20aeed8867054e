"""Reads a space file, section by section, into a Space, which is checked afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar, cast, get_args

from spaces.cursor import Cursor, Mistakes
from spaces.distribution import read_parameter
from spaces.errors import cut, flow
from spaces.parameter import Parameter
from spaces.space import (
    PROBING_SAMPLERS,
    SAMPLERS,
    Budget,
    Direction,
    Fidelity,
    Limit,
    Objective,
    Resources,
    SamplerChoice,
    Space,
)
from spikefront.yaml_nodes import Node, plain

_SECTIONS = (
    "name",
    "base",
    "search",
    "objectives",
    "constraints",
    "fidelity",
    "budget",
    "sampler",
    "resources",
    "replicates",
)
MAX_FIELDS = 200
MAX_BASE_NODES = 500
MAX_PROBES = 1000
MAX_REPLICATES = 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIRECTIONS = get_args(Direction)
_T = TypeVar("_T")

NOTHING_TO_SEARCH = "nothing to search; to train one config, use `python -m snncore.train CONFIG.yaml`"
_EMPTY = {
    "search": NOTHING_TO_SEARCH,
    "objectives": "no objective; name at least one metric, such as `val_accuracy: maximize`",
}


def read_space(root: Node, stem: str, mistakes: Mistakes) -> tuple[Space, list[str]]:
    """The readable part of a space file, and the names of all fields under `search`.

    All mistakes are noted, except those in the fields and values that a `when` names. stem: the name of a
    space that does not give one.
    """
    sections = Cursor(root, (), mistakes).fields(_SECTIONS, required=["search", "objectives"])
    # A section whose lines are all commented out is null, and counts as absent.
    given = {name: cursor for name, cursor in sections.items() if cursor.node.value is not None}

    def read(name: str, reader: Callable[[Cursor], _T], default: _T) -> _T:
        return reader(given[name]) if name in given else default

    no_base: dict[str, Any] = {}
    base = read("base", _read_base, no_base)
    parameters = _read_search(given["search"]) if "search" in given else {}
    search = {name: parameter for name, parameter in parameters.items() if parameter is not None}
    for name in ("search", "objectives"):
        section = sections.get(name)
        if section is not None and section.node.value in (None, {}):
            section.fail(_EMPTY[name])
    space = Space(
        name=_read_name(given.get("name"), stem, mistakes),
        base=base,
        search=search,
        objectives=read("objectives", _read_objectives, {}),
        constraints=read("constraints", _read_constraints, {}),
        fidelity=read("fidelity", _read_fidelity, None),
        budget=read("budget", _read_budget, Budget()),
        sampler=read("sampler", _read_sampler, SamplerChoice()),
        resources=read("resources", _read_resources, Resources()),
        replicates=read("replicates", _read_replicates, 0),
    )
    return space, list(parameters)


def _read_name(cursor: Cursor | None, stem: str, mistakes: Mistakes) -> str:
    name = stem if cursor is None else cursor.node.value
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    allowed = "letters, digits, '.', '_' and '-', at most 100: it names the study's folder"
    if cursor is None:
        mistakes.add((), f"no name is given, and the file's own cannot serve; allowed: {allowed}")
    else:
        cursor.refuse(allowed)
    return ""


def _read_base(cursor: Cursor) -> dict[str, Any]:
    """The base as plain values; a dotted key is a mistake, since `search` alone has them."""
    base: dict[str, Any] = {}
    if cursor.node.size > MAX_BASE_NODES:
        cursor.fail("far more values than a config has")
        return base
    for key, entry in cursor.entries("a mapping of fields of the config").items():
        if "." in key:
            section, _, rest = key.partition(".")
            nested = cut(f"{{{flow(section)}: {{{flow(rest)}: …}}}}")
            entry.fail(f"dotted keys stand under search; write it nested: {nested}")
        else:
            base[key] = plain(entry.node)
    return base


def _read_search(cursor: Cursor) -> dict[str, Parameter | None]:
    fields = cursor.entries("a mapping of fields")
    if len(fields) > MAX_FIELDS:
        cursor.fail(f"{len(fields)} fields; a space searches at most {MAX_FIELDS}")
        return {}
    return {name: read_parameter(entry) for name, entry in fields.items()}


def _read_objectives(cursor: Cursor) -> dict[str, Objective]:
    objectives = {}
    for name, entry in cursor.entries("a mapping such as {val_accuracy: maximize}").items():
        reference = None
        if entry.is_mapping():
            fields = entry.fields(["direction", "reference"], required=["direction"])
            direction = fields["direction"].one_of(_DIRECTIONS) if "direction" in fields else None
            reference = fields["reference"].number() if "reference" in fields else None
        else:
            direction = entry.one_of(_DIRECTIONS)
        if direction is not None:
            objectives[name] = Objective(cast(Direction, direction), reference)
    return objectives


def _read_constraints(cursor: Cursor) -> dict[str, Limit]:
    constraints = {}
    for name, entry in cursor.entries("a mapping such as {train_memory_mib: {max: 2048}}").items():
        bounds = {key: field.number() for key, field in entry.fields(["max", "min"]).items()}
        if entry.is_mapping() and not entry.node.value:
            entry.refuse("a bound: {max: …} or {min: …}")
        limit = Limit(bounds.get("max"), bounds.get("min"))
        if limit.max is not None and limit.min is not None and limit.min > limit.max:
            entry.fail(f"min {limit.min:g} is greater than max {limit.max:g}")
        constraints[name] = limit
    return constraints


def _read_fidelity(cursor: Cursor) -> Fidelity | None:
    fields = cursor.fields(["min_epochs", "eta"], required=["min_epochs"])
    min_epochs = fields["min_epochs"].integer(low=1) if "min_epochs" in fields else None
    eta = fields["eta"].integer(low=2) if "eta" in fields else 3
    return None if min_epochs is None or eta is None else Fidelity(min_epochs, eta)


def _read_budget(cursor: Cursor) -> Budget:
    fields = cursor.fields(["trials"])
    trials = fields["trials"].integer(low=1) if "trials" in fields else None
    return Budget() if trials is None else Budget(trials)


def _read_sampler(cursor: Cursor) -> SamplerChoice:
    if isinstance(cursor.node.value, str):
        return SamplerChoice(cursor.one_of(SAMPLERS) or "auto")
    if not cursor.is_mapping():
        cursor.refuse("a name such as auto, or a mapping {name: …, seed: …, probes: …, probe_share: …}")
        return SamplerChoice()
    fields = cursor.fields(["name", "seed", "probes", "probe_share"])
    name = fields["name"].one_of(SAMPLERS) if "name" in fields else "auto"
    seed = fields["seed"].integer(low=0, high=2**32 - 1) if "seed" in fields else None
    probes = fields["probes"].integer(low=0, high=MAX_PROBES) if "probes" in fields else None
    share = fields["probe_share"].number(low=0, high=1) if "probe_share" in fields else None
    if name is not None and name not in PROBING_SAMPLERS:
        for key in ("probes", "probe_share"):
            if key in fields:
                text = f"{name} probes no configs before it chooses; remove `{key}`, or take the sampler"
                fields[key].fail(f"{text} {' or '.join(reversed(PROBING_SAMPLERS))}")
    default = SamplerChoice()
    return SamplerChoice(
        name or default.name,
        default.seed if seed is None else seed,
        default.probes if probes is None else probes,
        default.probe_share if share is None else share,
    )


def _read_replicates(cursor: Cursor) -> int:
    return cursor.integer(low=0, high=MAX_REPLICATES) or 0


def _read_resources(cursor: Cursor) -> Resources:
    fields = cursor.fields(["cpu", "gpu"])
    cpu = fields["cpu"].number(above=0) if "cpu" in fields else None
    if "gpu" not in fields or fields["gpu"].node.value == "auto":
        return Resources(cpu or 1.0)
    gpu = fields["gpu"].number(low=0, words=" or auto")
    return Resources(cpu or 1.0, 0.0 if gpu is None else gpu)
