"""What quantities are called in the report, their units, and how their numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from studies.text import QUIET, decimals, three_digits
from studies.text import listed as listed

Kind = Literal["percent", "count", "measure", "number"]
"""How a number is written: see `number_text`."""

_KNOWN: dict[str, tuple[str, str, Kind]] = {
    "val_accuracy": ("validation accuracy", "%", "percent"),
    "balanced_accuracy": ("balanced accuracy", "%", "percent"),
    "val_largest_class_share": ("largest validation class", "%", "percent"),
    "n_val_samples": ("validation samples", "", "count"),
    "n_val_classes": ("classes in validation", "", "count"),
    "n_train_classes": ("classes in training", "", "count"),
    "n_classes": ("classes", "", "count"),
    "accuracy_at_1": ("accuracy after one step", "%", "percent"),
    "exit_steps": ("steps until exit", "", "measure"),
    "exit_accuracy": ("accuracy at exit", "%", "percent"),
    "train_accuracy": ("training accuracy", "%", "percent"),
    "train_memory_mib": ("training memory", "MiB", "measure"),
    "infer_memory_mib": ("inference memory", "MiB", "measure"),
    "latency_ms": ("latency", "ms", "measure"),
    "latency_under_load": ("latency measured under load", "", "measure"),
    "latency_quiet_under_load": ("quiet latency measured under load", "", "measure"),
    "train_step_ms": ("training step", "ms", "measure"),
    "n_parameters": ("parameters", "", "count"),
    "macs": ("multiply-accumulates", "", "count"),
    "synops": ("synaptic operations", "", "count"),
    "energy_uj": ("energy", "µJ", "measure"),
    "firing_rate": ("firing rate", "", "measure"),
    "train_time_s": ("training time", "s", "measure"),
}
_SUFFIXES = {"_q25": "lower quartile", "_q75": "upper quartile", QUIET: "quiet"}
NO_BREAK = "\u00a0"
"""Stands between a number and its unit, so that they stay on one line."""

_UNITS = {"mib": "MiB", "gib": "GiB", "ms": "ms", "s": "s", "uj": "µJ", "mj": "mJ"}

DATA_SETS = {
    "digits": "Digits",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}


@dataclass(frozen=True)
class Quantity:
    """A metric as a person reads it: label in lower case, unit ("" for none), and how its numbers look."""

    name: str
    label: str
    unit: str
    kind: Kind

    @property
    def title(self) -> str:
        """For axes and table heads: "Latency (ms)"."""
        return f"{capitalised(self.label)} ({self.unit})" if self.unit else capitalised(self.label)


def quantity(name: str) -> Quantity:
    """The quantity of a metric's name; an unknown name is read by its words and its unit suffix.

    Quartiles and quiet measurements are named after it: "latency, quiet, lower quartile".
    """
    if name in _KNOWN:
        return Quantity(name, *_KNOWN[name])
    for suffix, words_behind in _SUFFIXES.items():
        if name.endswith(suffix) and name != suffix:
            about = quantity(name.removesuffix(suffix))
            return Quantity(name, f"{about.label}, {words_behind}", about.unit, about.kind)
    *words, last = name.split("_")
    if words and last in _UNITS:
        return Quantity(name, " ".join(words), _UNITS[last], "measure")
    return Quantity(name, name.replace("_", " "), "", "measure")


def written(name: str, value: Any) -> str:
    """A metric's value for people, without its unit; "–" where there is none."""
    return number_text(value, quantity(name).kind)


def with_unit(name: str, value: Any) -> str:
    """A metric's value for people, with its unit: "97.31 %", "12.4 MiB"."""
    return f"{written(name, value)}{NO_BREAK}{quantity(name).unit}".strip()


def number_text(value: Any, kind: Kind = "number") -> str:
    """A number as the report writes it; `data.js` holds the same rules for what it writes itself.

    The rules are those of `studies.text.number`, with two additions: counts from a million on are written
    in millions (12.6 M), and trailing zeros are dropped except in measures.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return "–" if value is None or isinstance(value, float) else str(value)
    if kind == "percent":
        return decimals(value, 2)
    if kind == "count" and abs(value) >= 1e6:
        return f"{_bare(value / 1e6)}{NO_BREAK}M"
    if isinstance(value, int) or (kind == "count" and value.is_integer()):
        return f"{int(value):,}"
    return three_digits(value) if kind == "measure" else _bare(value)


def _bare(value: float) -> str:
    """Three digits without trailing zeros."""
    text = three_digits(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def significant(number: float, digits: int = 6) -> float:
    """A number rounded to significant digits."""
    return float(f"{number:.{digits}g}")


def percent(share: float) -> str:
    """A share for people: 0.123 is "12 %"."""
    return f"{100 * share:.0f}{NO_BREAK}%"


def capitalised(text: str) -> str:
    """The text with a capital first letter and everything else unchanged."""
    return text[:1].upper() + text[1:]


def shortened(text: str, longest: int = 24) -> str:
    """The text on one line, cut with "…" where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: "1 trial", "3 trials"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
