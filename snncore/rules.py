"""Combinations of fields: which the trainer cannot run, and which fields have no effect.

Knows no torch. `RULE_FIELDS` are the discrete fields the rules read; a space is checked over all
their combinations before anything is trained.
"""

from __future__ import annotations

from typing import Any

from snncore.config import Config
from snncore.errors import Problem

BRANCH_MODES = frozenset({"supervised", "deepest", "ensemble", "reliable"})
"""Modes of P1: ANN branches are heads of their own."""

TEMPORAL_MODES = frozenset({"strong2weak", "weak2strong", "simultaneous"})
"""Modes of P2: time steps teach each other."""

N_STAGES = {"convnet": 3}
"""Stages of each architecture, after which a branch can stand."""

RULE_FIELDS = ("gradient", "model.arch", "distillation.mode", "distillation.branches")


def rule_problems(config: Config) -> list[Problem]:
    """Every reason why the trainer cannot run `config`; empty when it can."""
    problems = []
    mode, branches = config.distillation.mode, config.distillation.branches
    if mode in TEMPORAL_MODES and config.gradient == "rate":
        message = (
            f"{mode!r} needs a gradient at every time step, and gradient 'rate' has none; "
            "set gradient: bptt, or choose a mode with branches"
        )
        problems.append(Problem("distillation.mode", message))
    n_stages = N_STAGES[config.model.arch]
    if mode in BRANCH_MODES and not branches:
        stages = list(range(1, n_stages + 1))
        message = f"mode {mode!r} needs at least one branch; allowed: a subset of {stages}"
        problems.append(Problem("distillation.branches", message))
    if list(branches) != sorted(set(branches)) or any(stage > n_stages for stage in branches):
        message = (
            f"got {list(branches)}, allowed for {config.model.arch}: "
            f"ascending stages from 1 to {n_stages}, each once"
        )
        problems.append(Problem("distillation.branches", message))
    return problems


def canonical(config: Config) -> dict[str, Any]:
    """The config without the fields that have no effect on what is trained or measured.

    Two configs are the same trial when their canonical forms are equal: alpha under mode none,
    branches without branch heads, a temporal mode at T = 1, and where files lie are dropped.
    """
    values = config.as_dict()
    for name in ("preset", "origin", "out"):
        del values[name]
    del values["data"]["root"]
    distillation = values["distillation"]
    mode = distillation["mode"]
    if mode in TEMPORAL_MODES and config.T == 1:
        mode = distillation["mode"] = "none"
    with_effect = _FIELDS_WITH_EFFECT[mode] | {"mode"}
    if distillation["beta"] == 0:
        with_effect -= {"temperature", "reliability_threshold", "variant"}
    values["distillation"] = {key: value for key, value in distillation.items() if key in with_effect}
    if values["distillation"].get("temperature", 0) is None:
        values["distillation"]["temperature"] = default_temperature(mode)
    if config.T == 1:
        del values["optim"]["loss_over_T"]
    return values


def default_temperature(mode: str) -> float:
    """The published softmax temperature of a mode: 3 with branch heads (P1), 2 between time steps (P2)."""
    return 2.0 if mode in TEMPORAL_MODES else 3.0


_BRANCH_FIELDS = frozenset({"branches", "alpha", "beta", "temperature"})
_TEMPORAL_FIELDS = frozenset({"variant", "beta", "temperature"})
_FIELDS_WITH_EFFECT: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "supervised": frozenset({"branches", "alpha"}),
    "deepest": _BRANCH_FIELDS,
    "ensemble": _BRANCH_FIELDS,
    "reliable": _BRANCH_FIELDS | {"reliability_threshold"},
    "strong2weak": _TEMPORAL_FIELDS,
    "weak2strong": _TEMPORAL_FIELDS,
    "simultaneous": _TEMPORAL_FIELDS,
}
