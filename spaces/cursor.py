"""Typed reading of a node tree: each reader returns a value of the expected type, or notes a mistake with
its line and returns None, so that reading continues.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from spaces.errors import Mistake, SpaceError, did_you_mean, dotted, nearest, shown
from spikefront.numbers import is_finite
from spikefront.yaml_nodes import MAX_MISTAKES, Node, line_of, plain

Path = tuple[str | int, ...]
MAX_INT = 2**53
"""Integers of a space stay exact when a sampler computes in floating point."""


@dataclass
class Mistakes:
    """Collects the mistakes of one file.

    found: initially those of `read_nodes`. The values at their keys were not read as written, so no further
    mistakes are noted there.
    """

    source: str
    root: Node | None = None
    found: list[Mistake] = field(default_factory=list)
    _unread: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._unread = frozenset(mistake.key for mistake in self.found)

    def add(self, path: Path, message: str) -> None:
        """Note a mistake at `path` of the file.

        Raises:
            SpaceError: there are `MAX_MISTAKES` of them.
        """
        key = dotted(path)
        if key not in self._unread:
            self.tell(Mistake(key, message, line_of(self.root, path)))

    def tell(self, mistake: Mistake) -> None:
        """Note a mistake that has its own line; duplicates are ignored."""
        if mistake in self.found:
            return
        self.found.append(mistake)
        if len(self.found) >= MAX_MISTAKES:
            last = max((mistake.line or 0 for mistake in self.found), default=0)
            self.found.append(Mistake("", "too many mistakes; the rest was not checked", last or None))
            self.raise_any()

    def within(self, section: str) -> list[Mistake]:
        """Those noted so far in a section of the file."""
        return [mistake for mistake in self.found if mistake.key.partition(".")[0] == section]

    def raise_any(self) -> None:
        """Raise a SpaceError with all mistakes, if there are any."""
        if self.found:
            raise SpaceError(self.found, self.source)


@dataclass(frozen=True)
class Cursor:
    """A node with its place in the file. Readers return None after they have noted a mistake."""

    node: Node
    path: Path
    mistakes: Mistakes

    def fail(self, message: str) -> None:
        """Note a mistake at this place."""
        self.mistakes.add(self.path, message)

    def refuse(self, allowed: str, hint: str = "") -> None:
        """Note that the value is not one of those allowed."""
        self.fail(f"got {shown(plain(self.node))}, allowed: {allowed}{hint}")

    def is_mapping(self) -> bool:
        """Whether a mapping stands here."""
        return isinstance(self.node.value, dict)

    def entries(self, allowed: str) -> dict[str, Cursor]:
        """A cursor for each key of a mapping; if it is not a mapping, a mistake is noted."""
        if isinstance(self.node.value, dict):
            return {
                key: Cursor(node, (*self.path, key), self.mistakes) for key, node in self.node.value.items()
            }
        self.refuse(allowed)
        return {}

    def fields(self, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Cursor]:
        """The entries of a mapping; unknown keys and missing `required` ones are noted as mistakes."""
        example = "{" + ", ".join(f"{key}: …" for key in known) + "}"
        entries = self.entries(f"a mapping {example}")
        misspelt = set()
        for key in [key for key in entries if key not in known]:
            entries.pop(key).fail(f"unknown key; allowed: {', '.join(known)}{did_you_mean(key, known)}")
            misspelt.add(nearest(key, known))
        if self.is_mapping():
            for key in required:
                if key not in self.node.value and key not in misspelt:
                    self.mistakes.add((*self.path, key), "missing")
        return entries

    def items(self, allowed: str) -> list[Cursor]:
        """A cursor for each element of a list; if it is not a list, a mistake is noted."""
        if isinstance(self.node.value, list):
            nodes = enumerate(self.node.value)
            return [Cursor(node, (*self.path, index), self.mistakes) for index, node in nodes]
        self.refuse(allowed)
        return []

    def integer(self, low: int = -MAX_INT, high: int = MAX_INT) -> int | None:
        """An integer in [low, high]; true and 1.0 are refused."""
        value = self.node.value
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        bounds = [f"from {low}"] * (low > -MAX_INT) + [f"up to {high}"] * (
            high < MAX_INT or value_is_huge(value)
        )
        self.refuse(" ".join(["an integer", *bounds]))
        return None

    def number(
        self,
        *,
        above: float = -math.inf,
        low: float = -math.inf,
        high: float = math.inf,
        words: str = "",
    ) -> float | None:
        """A finite number, greater than `above`, at least `low` and at most `high`; true is refused.

        words: added to the message after the allowed numbers.
        """
        value = self.node.value
        if is_finite(value) and value > above and low <= value <= high:
            return float(value)
        bounds = f" above {above:g}" * (above > -math.inf) + f" from {low:g}" * (low > -math.inf)
        is_endless = isinstance(value, float) and not math.isfinite(value)
        self.refuse(
            "a finite number" * is_endless
            + "a number" * (not is_endless)
            + bounds
            + f" up to {high:g}" * (high < math.inf)
            + words
        )
        return None

    def boolean(self) -> bool | None:
        """True or false; `yes` and `on` are text in YAML 1.2."""
        if isinstance(self.node.value, bool):
            return self.node.value
        self.refuse("true or false")
        return None

    def one_of(self, options: Iterable[str]) -> str | None:
        """One of a few words."""
        options = list(options)
        if isinstance(self.node.value, str) and self.node.value in options:
            return self.node.value
        self.refuse(", ".join(options), did_you_mean(self.node.value, options))
        return None


def value_is_huge(value: object) -> bool:
    """Whether a value is an integer that is refused for its size alone."""
    return isinstance(value, int) and abs(value) > MAX_INT
