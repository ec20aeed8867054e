"""What the trainer's configs may hold, for `spaces`. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from snncore.config.load import config_problems, parse_config
from snncore.config.metrics import METRICS, PLANNED_METRICS
from snncore.config.rules import RULE_FIELDS
from snncore.config.schema import field_names


class TrainerChecker:
    """The `ConfigChecker` of the trainer in this package."""

    def field_names(self) -> Sequence[str]:
        """Every dotted field of `snncore.config.schema.Config`."""
        return field_names()

    def problems(self, config: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Everything `snncore` refuses: types, bounds, unknown keys, or else combinations."""
        return [(problem.key, problem.message) for problem in config_problems(config)]

    def value_problems(self, config: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Types, bounds and unknown keys alone."""
        try:
            parse_config(config)
        except ValidationError:
            # The trainer looks at combinations only when every value is fine.
            return self.problems(config)
        return []

    def rule_fields(self) -> Sequence[str]:
        """The fields that `snncore.config.rules` reads, and the preset, which may set them."""
        return ("preset", *RULE_FIELDS)

    def metrics(self) -> Mapping[str, str | None]:
        """The metrics that are built, each with its natural direction."""
        return {name: metric.better for name, metric in METRICS.items()}

    def planned_metrics(self) -> Mapping[str, str]:
        """The metrics that are only documented, each with the reason."""
        return PLANNED_METRICS
