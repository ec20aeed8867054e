"""How names, numbers and counts of a study are written for people, in plain ASCII but for µ and ±."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spikefront.text import decimals as decimals
from studies.model import STATES, Study, Trial
from studies.replicates import Spread, searched

QUIET = "_quiet"
"""Ends the name of a metric that was measured again with the machine quiet."""

QUARTILES = ("_q25", "_q75")

_UNITS = {"mib": "MiB", "gib": "GiB", "ms": "ms", "s": "s", "uj": "µJ"}
_VALUE_OVER_LIMIT = re.compile(r" [-+.\de]+ (?=[<>] )")
_LONGEST_REASON = 72
_MOST_REASONS = 5
_MOST_NUMBERS = 8


def trial_stem(number: int) -> str:
    """The name of a trial's files and folders: trial-0012."""
    return f"trial-{number:04d}"


def base_name(name: str) -> str:
    """The metric without suffixes: latency_ms for latency_ms_q25 and for latency_ms_quiet_q75."""
    for suffix in (*QUARTILES, QUIET):
        name = name.removesuffix(suffix)
    return name


def unit(name: str) -> str:
    """The unit in a metric's name, "" for none: "MiB" for train_memory_mib, "%" for val_accuracy."""
    if "accuracy" in name or name.endswith("class_share"):
        return "%"
    words, _, last = base_name(name).rpartition("_")
    return _UNITS.get(last, "") if words else ""


def heading(name: str) -> str:
    """A metric's name for the head of a narrow column: one word in each line, the unit in brackets below."""
    name_unit = unit(name)
    words = name.removesuffix("_" + name.rpartition("_")[2]) if name_unit and name_unit != "%" else name
    return "\n".join([*words.split("_"), *([f"({name_unit})"] if name_unit else [])])


def number(name: str, value: Any) -> str:
    """A measured value without its unit: two decimals of a percentage, else `three_digits`; 12,582,912."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if unit(name) == "%":
        return decimals(value, 2)
    return f"{value:,}" if isinstance(value, int) else three_digits(value)


def three_digits(value: float) -> str:
    """A float with three digits, trailing zeros kept: 0.450, 18.0, 15,784, 2.00e-07; 0 is "0".

    Terminal and report write numbers by this rule.
    """
    if value == 0 or not math.isfinite(value):
        return str(value) if value else "0"
    magnitude = math.floor(math.log10(abs(value)))
    if not -4 <= magnitude <= 8:
        return f"{value:.2e}"
    return decimals(value, max(0, 2 - magnitude))


def spread_text(name: str, spread: Spread) -> str:
    """Mean and sample standard deviation of replicates: "91.20 ± 0.40 (n = 3)"."""
    return f"{number(name, spread.mean)} ± {number(name, spread.sd)} (n = {spread.n})"


def with_unit(name: str, value: Any) -> str:
    """A measured value with its unit: "93.10 %", "512.3 MiB"."""
    return f"{number(name, value)} {unit(name)}".rstrip()


def is_under_load(trial: Trial, name: str) -> bool:
    """Whether this metric was timed while other work ran: a latency of the search, or a quiet time.

    One flag covers all quiet times of a trial, as they are measured one after the other.
    """
    if QUIET in name:
        return trial.metrics.get("latency_quiet_under_load") is True
    return name.startswith("latency") and trial.metrics.get("latency_under_load") is True


def params_text(params: Mapping[str, Any], order: Iterable[str] = ()) -> str:
    """Params on one line, `T=3 mode=reliable branches=1,3`; known names first, in the order given.

    A name is shortened to its last part where that is unique among `order` and the params.
    """
    names = [name for name in order if name in params]
    names += [name for name in params if name not in names]
    lasts = Counter(_last(name) for name in {*order, *params})
    shown = {name: _last(name) if lasts[_last(name)] == 1 else name for name in names}
    return " ".join(f"{shown[name]}={_setting(params[name])}" for name in names)


def state_counts(study: Study) -> str:
    """How the trials ended, with the kinds of reasons counted, the most frequent first.

    For example `24 trials: 18 complete, 3 stopped, 3 infeasible (2 latency_ms > 5, 1 diverged)`; replicates
    are counted apart: `...; 8 replicates: 8 complete`.
    """
    originals = searched(study).trials
    again = [trial for trial in study.trials if trial.replicate_of is not None]
    counts = [_counted(originals, "trial"), *([_counted(again, "replicate")] if again else [])]
    return "; ".join(counts)


def listed(parts: Sequence[str], joint: str = "and") -> str:
    """A list in a sentence: "a", "a and b", "a, b and c"."""
    return f" {joint} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def named_trials(numbers: Sequence[int]) -> str:
    """Trials in a sentence: "trial 3", "trials 3, 7 and 12", "trials 1, 2, 3, ... and 12 others"."""
    if len(numbers) > _MOST_NUMBERS:
        n_rest = len(numbers) - _MOST_NUMBERS
        rest = f"{n_rest} other{'s'[: n_rest != 1]}"
        return f"trials {listed([*map(str, numbers[:_MOST_NUMBERS]), rest])}"
    return f"trial{'s'[: len(numbers) != 1]} {listed([str(number) for number in numbers])}"


def one_line(text: str, longest: int = _LONGEST_REASON) -> str:
    """The text on one line, cut to a length; control characters become `?`."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 3] + "..."


def _counted(trials: Sequence[Trial], noun: str) -> str:
    parts = []
    for state in STATES:
        some = [trial for trial in trials if trial.state == state]
        if some:
            reasons = Counter(_kind(trial.reason) for trial in some if trial.reason)
            kinds = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common(_MOST_REASONS))
            kinds += ", ..." if len(reasons) > _MOST_REASONS else ""
            shown = f" ({kinds})" if kinds and state in ("infeasible", "failed") else ""
            parts.append(f"{len(some)} {state}{shown}")
    return f"{len(trials)} {noun}{'s'[: len(trials) != 1]}" + (f": {', '.join(parts)}" if parts else "")


def _kind(reason: str) -> str:
    """The kind of a reason: the part before a colon, without the value that broke a limit."""
    return _VALUE_OVER_LIMIT.sub(" ", one_line(reason).partition(": ")[0])


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _setting(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return one_line(str(value)) if value != "" else '""'
