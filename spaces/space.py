"""A search space, as read and checked. Plain values only, so that it can be pickled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from spaces.condition import UNSET
from spaces.parameter import Parameter
from spikefront.nested import copied, get, put

Direction = Literal["maximize", "minimize"]
SAMPLERS = ("auto", "cheap_first", "tpe", "gp", "nsga2", "nsga3", "qmc", "random", "grid")
PROBING_SAMPLERS = ("auto", "cheap_first")
"""Samplers that may measure what a config costs before they choose it."""


@dataclass(frozen=True)
class Objective:
    """The direction of a metric. reference: the user's value for the reference point, or None."""

    direction: Direction
    reference: float | None = None


@dataclass(frozen=True)
class Limit:
    """Bounds of a metric, both inclusive; at least one is set."""

    max: float | None = None
    min: float | None = None


@dataclass(frozen=True)
class Fidelity:
    """Early stopping: no trial is stopped before `min_epochs`; about one in `eta` passes each rung."""

    min_epochs: int
    eta: int = 3


@dataclass(frozen=True)
class Budget:
    """How many trials a study runs."""

    trials: int = 100


@dataclass(frozen=True)
class SamplerChoice:
    """The sampler, one of SAMPLERS, and its seed.

    For PROBING_SAMPLERS only: probes: at most this many configs are measured untrained for each trial, 0
    for none. probe_share: at most this share of the study's worker time is used for that.
    """

    name: str = "auto"
    seed: int = 0
    probes: int = 20
    probe_share: float = 0.1


@dataclass(frozen=True)
class Resources:
    """The CPUs and GPUs of one trial. gpu "auto": a share of one if the cluster has GPUs, else none."""

    cpu: float = 1.0
    gpu: float | Literal["auto"] = "auto"


@dataclass(frozen=True)
class Space:
    """A search space.

    base: the fields of every trial's config, nested. search: the parameters, each after those that its
    `when` names. constraints may be empty; fidelity None means that no trial is stopped early.
    replicates: with how many further seeds the final front is trained again.
    """

    name: str
    base: Mapping[str, Any]
    search: Mapping[str, Parameter]
    objectives: Mapping[str, Objective]
    constraints: Mapping[str, Limit] = field(default_factory=dict)
    fidelity: Fidelity | None = None
    budget: Budget = field(default_factory=Budget)
    sampler: SamplerChoice = field(default_factory=SamplerChoice)
    resources: Resources = field(default_factory=Resources)
    replicates: int = 0

    def resolve(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The nested config of `params`: the base, with the params, and `otherwise` of inactive parameters.

        Raises:
            ValueError: params lacks an active parameter, has a value that its parameter cannot take, or a
                key that is not active.
        """
        values, active = self.follow(lambda name, parameter: parameter.value(name, params))
        keys = {key for name in active for key in self.search[name].keys(name)}
        unknown = sorted(set(params) - keys)
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not searched where the other params are as given")
        return self.config(values, active)

    def follow(self, decide: Callable[[str, Parameter], Any]) -> tuple[dict[str, Any], list[str]]:
        """Go through `search` in order, with `decide` giving the value of each active parameter.

        Returns the values of all searched fields, UNSET where the trainer's default applies, and the names
        of the active ones.
        """
        values: dict[str, Any] = {}
        active = []
        for name, parameter in self.search.items():
            if parameter.is_active(values):
                values[name] = decide(name, parameter)
                active.append(name)
            else:
                values[name] = self.inactive_value(name)
        return values, active

    def config(self, values: Mapping[str, Any], active: Collection[str]) -> dict[str, Any]:
        """The nested config of the values and active names that `follow` returns."""
        config: dict[str, Any] = copied(self.base)
        for name, parameter in self.search.items():
            if name in active:
                put(config, name, copied(values[name]))
            elif parameter.otherwise_is_set:
                put(config, name, copied(parameter.otherwise))
        return config

    def inactive_value(self, name: str) -> Any:
        """The value of a field whose `when` fails: its `otherwise`, else that of the base, else UNSET."""
        parameter = self.search[name]
        return parameter.otherwise if parameter.otherwise_is_set else get(self.base, name, UNSET)

    def as_dict(self) -> dict[str, Any]:
        """As a space file: plain YAML values that, written and read again, give an equal space.

        `probes`, `probe_share` and `replicates` are left out at their defaults, so that the files of older
        studies do not change.
        """
        values: dict[str, Any] = {
            "name": self.name,
            "base": copied(self.base),
            "search": {name: copied(parameter.as_dict()) for name, parameter in self.search.items()},
            "objectives": {name: _objective(objective) for name, objective in self.objectives.items()},
            "constraints": {name: _limit(limit) for name, limit in self.constraints.items()},
        }
        if self.fidelity is not None:
            values["fidelity"] = {"min_epochs": self.fidelity.min_epochs, "eta": self.fidelity.eta}
        values["budget"] = {"trials": self.budget.trials}
        values["sampler"] = _sampler(self.sampler)
        values["resources"] = {"cpu": self.resources.cpu, "gpu": self.resources.gpu}
        if self.replicates:
            values["replicates"] = self.replicates
        return values


def _objective(objective: Objective) -> Any:
    if objective.reference is None:
        return objective.direction
    return {"direction": objective.direction, "reference": objective.reference}


def _sampler(sampler: SamplerChoice) -> dict[str, Any]:
    values: dict[str, Any] = {"name": sampler.name, "seed": sampler.seed}
    if sampler.name in PROBING_SAMPLERS:
        default = SamplerChoice()
        values |= {
            name: getattr(sampler, name)
            for name in ("probes", "probe_share")
            if getattr(sampler, name) != getattr(default, name)
        }
    return values


def _limit(limit: Limit) -> dict[str, float]:
    return {name: value for name, value in (("max", limit.max), ("min", limit.min)) if value is not None}
