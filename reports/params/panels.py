"""Panels: one param and how it moves an objective."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.data.axes import AxisFrame, fenced
from reports.data.digest import value
from reports.params.effect import Effect
from reports.params.encoding import Floats
from studies.model import Trial


@dataclass(frozen=True)
class Panel:
    """One param: the mean prediction at each setting, and the quartiles of the trees.

    mean, low, high: (settings,). share: of the forest's variance, by the param alone.
    """

    effect: Effect
    mean: Floats
    low: Floats
    high: Floats
    share: float

    @property
    def places(self) -> list[float]:
        """The positions of the settings on the axis: numbers as they are, categories as 0, 1, 2, ..."""
        if self.effect.param.kind == "category":
            return [float(place) for place in range(len(self.effect.settings))]
        return [float(item) for item in self.effect.settings if isinstance(item, (int, float))]


def panel_of(turned: Effect, share: float) -> Panel:
    """The panel of an effect."""
    low, high = turned.quartiles()
    return Panel(turned, turned.mean, low, high, share)


def panel_span(trials: Iterable[Trial], axis: AxisFrame, panels: list[Panel]) -> tuple[float, float]:
    """The range that shows the `fenced` values and all bands, with a margin, in the units of the axis.

    trials: those that the axis was made for.
    """
    name = axis.objective.name
    low, high = fenced([axis.position(value(trial, name)) for trial in trials], axis.objective)
    ends = [axis.position(float(number)) for panel in panels for number in (*panel.low, *panel.high)]
    low, high = min(low, *ends), max(high, *ends)
    margin = 0.05 * (high - low)
    return low - margin, high + margin
