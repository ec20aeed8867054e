"""A table in memory: every config of a finite space with its metrics, as from a public benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search.config_key import fingerprint
from search.simulate.table import Recorded
from snncore.errors import ConfigError, Problem
from spaces.space import Space


class ColumnTable:
    """One row a config, in columns. Its params need not be fields of the trainer's config.

    params, metrics: per name one value a row. known: the metrics that a probe would measure.
    train_s, probe_s: what a training and a probe take, for all rows alike or one value a row.
    """

    def __init__(
        self,
        params: Mapping[str, Sequence[Any]],
        metrics: Mapping[str, Sequence[float]],
        known: Iterable[str] = (),
        train_s: Sequence[float] | float = 1.0,
        probe_s: float = 0.0,
    ) -> None:
        known = set(known)
        unknown = known - set(metrics)
        if unknown:
            raise ValueError(f"known: got {sorted(unknown)}, allowed: {', '.join(metrics)}")
        self._rows: dict[str, Recorded] = {}
        rows = zip(*params.values(), strict=True)
        measured = zip(*metrics.values(), strict=True)
        for at, (cells, values) in enumerate(zip(rows, measured, strict=True)):
            row_params = dict(zip(params, cells, strict=True))
            all_metrics = {name: float(value) for name, value in zip(metrics, values, strict=True)}
            key = fingerprint(row_params)
            self._rows[key] = Recorded(
                key=key,
                config={**row_params, "seed": 0},
                params=row_params,
                probe={name: value for name, value in all_metrics.items() if name in known},
                metrics=all_metrics,
                train_s=train_s if isinstance(train_s, int | float) else float(train_s[at]),
                probe_s=probe_s,
            )

    def resolve(self, space: Space, params: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The row with exactly these params.

        Raises:
            ConfigError: there is none.
        """
        key = fingerprint(dict(params))
        if key not in self._rows:
            raise ConfigError([Problem("", f"the table has no row with {dict(params)}")], space.name)
        return dict(self._rows[key].config), key

    def recorded(self, key: str) -> Recorded:
        """The row with this key."""
        return self._rows[key]

    def everything(self) -> Iterable[Recorded]:
        """All rows."""
        return self._rows.values()
