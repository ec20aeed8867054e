"""The interface to the trainer's configs. This package knows no trainer: callers of `load_space` pass one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ConfigChecker(Protocol):
    """Answers questions about configs. Configs are nested mappings; keys in answers are dotted."""

    def field_names(self) -> Sequence[str]:
        """The dotted names of all fields of a config, without the sections themselves."""
        ...

    def problems(self, config: Mapping[str, Any]) -> list[tuple[str, str]]:
        """All problems of a config, as (key, message): values, unknown keys, combinations."""
        ...

    def value_problems(self, config: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The `problems` that concern one field only: its type, its bounds, an unknown key."""
        ...

    def rule_fields(self) -> Sequence[str]:
        """The fields that decide whether a combination can be trained.

        Rules about numbers must be limits: of a long range only the ends are tried.
        """
        ...

    def metrics(self) -> Mapping[str, str | None]:
        """Each metric that can be an objective, with its better direction; None if neither is better."""
        ...

    def planned_metrics(self) -> Mapping[str, str]:
        """Each metric that cannot be used, and why."""
        ...
