"""What a space must know about configs. The room knows no trainer: whoever loads a space hands this in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ConfigChecker(Protocol):
    """Answers questions about configs. Configs are nested mappings; keys in answers are dotted."""

    def field_names(self) -> Sequence[str]:
        """Every field of a config, sections themselves not included."""
        ...

    def problems(self, config: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Everything that is wrong with a config, as (key, message): values, unknown keys, combinations."""
        ...

    def value_problems(self, config: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Those of `problems` that concern one field alone: its type, its bounds, an unknown key."""
        ...

    def rule_fields(self) -> Sequence[str]:
        """The fields that decide whether a combination can be trained.

        Whatever is decided by a number must be a limit: of a long range only the ends are tried.
        """
        ...

    def metrics(self) -> Mapping[str, str | None]:
        """Each metric that can be asked for, and the direction that is better; None when neither is."""
        ...

    def planned_metrics(self) -> Mapping[str, str]:
        """Each metric that cannot be asked for, and why."""
        ...
