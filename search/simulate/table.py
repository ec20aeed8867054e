"""What a simulation asks in the trainer's place: for any params, what was once measured of a config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from search.constraints import is_measured
from spaces.space import Space
from studies.pareto import reference_point


@dataclass(frozen=True)
class Recorded:
    """One config trained to its end.

    probe: metrics known before training. rows: of the epochs, as in `Report.row`, each with its seconds;
    may be empty, `train_s` alone says then how long the training took. metrics: all, after the end.
    state: "infeasible", with the reason, where the training ended before its last epoch.
    """

    key: str
    config: Mapping[str, Any]
    params: Mapping[str, Any]
    probe: Mapping[str, Any]
    metrics: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]] = ()
    train_s: float = 1.0
    probe_s: float = 0.0
    state: Literal["complete", "infeasible"] = "complete"
    reason: str | None = None


class Table(Protocol):
    """Measured configs."""

    def resolve(self, space: Space, params: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The config that answers for params, and its key; what `Proposer` takes as its `resolve`.

        Raises:
            ConfigError: none can answer.
        """
        ...

    def recorded(self, key: str) -> Recorded:
        """What is known of the config with this key."""
        ...

    def everything(self) -> Iterable[Recorded]:
        """All configs of the table."""
        ...


def with_reference(space: Space, table: Table) -> Space:
    """The space with a reference value for every objective, so that simulations can be compared.

    Where the space gives none it is the table's: the worst value, moved out by 10 % of the range.
    """
    names = list(space.objectives)
    values = [
        [float(row.metrics[name]) for name in names]
        for row in table.everything()
        if row.state == "complete" and all(is_measured(row.metrics.get(name)) for name in names)
    ]
    objectives = list(space.objectives.values())
    corner = reference_point(
        values,
        [objective.direction for objective in objectives],
        [objective.reference for objective in objectives],
    )
    if corner is None:
        return space
    with_values = {
        name: replace(space.objectives[name], reference=value)
        for name, value in zip(names, corner, strict=True)
    }
    return replace(space, objectives=with_values)
