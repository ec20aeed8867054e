"""Candidates: params drawn from the space, and changed copies of good ones. Knows the space only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from spaces.draw import RandomDraw
from spaces.space import Space
from spaces.walk import count_params, enumerate_params, suggest

Params = dict[str, Any]

MAX_CHANGES = 3
STEP = 0.2
"""The standard deviation of a number's step, as a share of its range."""
P_STEP = 0.7
"""How often a number takes a step instead of any value."""

_Int = int
_Float = float


class Pool:
    """Draws candidates of one space."""

    def __init__(self, space: Space, generator: np.random.Generator) -> None:
        self._space, self._generator = space, generator
        self._random = RandomDraw(generator)

    def everything(self, n_max: int) -> list[Params] | None:
        """All params of the space, or None when there are more than n_max."""
        n = count_params(self._space)
        return None if n is None or n > n_max else list(enumerate_params(self._space))

    def fresh(self, n: int) -> Iterator[Params]:
        """Independent draws from the space."""
        return (suggest(self._space, self._random) for _ in range(n))

    def near(self, parents: Sequence[Mapping[str, Any]], n: int) -> Iterator[Params]:
        """Copies of the parents, each with one to three of its entries changed."""
        for _ in range(n if parents else 0):
            parent = parents[int(self._generator.integers(len(parents)))]
            names = list(parent)
            n_changes = min(int(self._generator.integers(1, MAX_CHANGES + 1)), len(names))
            changed = self._generator.choice(len(names), n_changes, replace=False)
            yield suggest(
                self._space, _Changes(parent, {names[at] for at in changed}, self._random, self._generator)
            )


class _Changes:
    """A draw that repeats a parent's entries, but for some; what the parent lacks is drawn at random."""

    def __init__(
        self,
        parent: Mapping[str, Any],
        changed: set[str],
        random: RandomDraw,
        generator: np.random.Generator,
    ) -> None:
        self._parent, self._changed = parent, changed
        self._random, self._generator = random, generator

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        """The parent's option, or with equal chances any other."""
        if name not in self._parent:
            return self._random.choice(name, options)
        kept = self._parent[name]
        if name not in self._changed:
            return kept
        others = [option for option in options if option != kept or type(option) is not type(kept)]
        return self._random.choice(name, others) if others else kept

    def int(self, name: str, low: _Int, high: _Int, log: bool, step: _Int) -> _Int:
        """The parent's number, or one near it that differs by a step at least, or any."""
        if name not in self._parent or (name in self._changed and not self._steps()):
            return self._random.int(name, low, high, log, step)
        kept: _Int = self._parent[name]
        if name not in self._changed or high <= low:
            return kept
        moved = self._moved(kept, low, high, log)
        n_steps = round((moved - kept) / step) or (1 if moved > kept else -1)
        lowest, highest = -((kept - low) // step), (high - kept) // step
        if not lowest <= n_steps <= highest:
            n_steps = lowest if n_steps < lowest else highest
        # At the end of the range a step outwards becomes one inwards.
        return kept + step * (n_steps or (1 if highest else -1))

    def float(self, name: str, low: _Float, high: _Float, log: bool, step: _Float | None) -> _Float:
        """The parent's number, or one near it, or any."""
        if name not in self._parent or (name in self._changed and not self._steps()):
            return self._random.float(name, low, high, log, step)
        kept: _Float = self._parent[name]
        if name not in self._changed or high <= low:
            return kept
        moved = self._moved(kept, low, high, log)
        if step is None:
            return moved
        highest = round((high - low) / step)
        return low + step * min(max(round((moved - low) / step), 0), highest)

    def _steps(self) -> bool:
        return bool(self._generator.random() < P_STEP)

    def _moved(self, kept: _Float, low: _Float, high: _Float, log: bool) -> _Float:
        """A normal step on the range's own scale, kept inside it."""
        shift = STEP * self._generator.standard_normal()
        moved = kept * (high / low) ** shift if log else kept + (high - low) * shift
        return min(max(_Float(moved), low), high)
