"""How names, numbers and counts of a study are written for people, in plain ASCII but for µ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from studies.model import STATES, Study, Trial

_UNITS = {"mib": "MiB", "gib": "GiB", "ms": "ms", "s": "s", "uj": "µJ"}
_VALUE_OVER_LIMIT = re.compile(r" [-+.\de]+ (?=[<>] )")
_LONGEST_REASON = 72
_MOST_REASONS = 5


def trial_stem(number: int) -> str:
    """The name of a trial's files and folders: trial-0012."""
    return f"trial-{number:04d}"


def unit(name: str) -> str:
    """The unit a metric's name carries, "" for none: "MiB" of train_memory_mib, "%" of val_accuracy."""
    if "accuracy" in name:
        return "%"
    words, _, last = name.rpartition("_")
    return _UNITS.get(last, "") if words else ""


def heading(name: str) -> str:
    """A metric's name for the head of a narrow column: a word a line, the unit in brackets below."""
    found = unit(name)
    words = name.removesuffix("_" + name.rpartition("_")[2]) if found and found != "%" else name
    return "\n".join([*words.split("_"), *([f"({found})"] if found else [])])


def number(name: str, value: Any, digits: int = 4) -> str:
    """A measured value without its unit: two decimals of a percentage, else so many digits; 12,582,912."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if unit(name) == "%":
        return f"{value:.2f}"
    if isinstance(value, int) or 1000 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def with_unit(name: str, value: Any) -> str:
    """A measured value with its unit: "93.10 %", "512.3 MiB"."""
    return f"{number(name, value)} {unit(name)}".rstrip()


def is_under_load(trial: Trial, name: str) -> bool:
    """Whether this metric of the trial is a latency that was measured while other trials ran."""
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

    For example `24 trials: 18 complete, 3 stopped, 3 infeasible (2 latency_ms > 5, 1 diverged)`.
    """
    told = []
    for state in STATES:
        trials = [trial for trial in study.trials if trial.state == state]
        if trials:
            reasons = Counter(_kind(trial.reason) for trial in trials if trial.reason)
            listed = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common(_MOST_REASONS))
            listed += ", ..." if len(reasons) > _MOST_REASONS else ""
            shown = f" ({listed})" if listed and state in ("infeasible", "failed") else ""
            told.append(f"{len(trials)} {state}{shown}")
    n_trials = len(study.trials)
    return f"{n_trials} trial{'s'[: n_trials != 1]}" + (f": {', '.join(told)}" if told else "")


def one_line(text: str, longest: int = _LONGEST_REASON) -> str:
    """The text on one line, cut to a length; characters that a terminal would obey become `?`."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 3] + "..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'latency_ms'?`, or "" when nothing known is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _kind(reason: str) -> str:
    """What reasons of one kind share: what stands before a colon, without the value that broke a limit."""
    return _VALUE_OVER_LIMIT.sub(" ", one_line(reason).partition(": ")[0])


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _setting(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return one_line(str(value)) if value != "" else '""'
