"""How the trials ended, and why those that are not in the figures are not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from reports.format.quantities import counted, quantity, shortened
from reports.html.markup import Html, join, tag
from studies.model import STATES, Study, Trial

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])")
MAX_REASONS = 12
MAX_LENGTH = 240

WORDS = {
    "complete": "complete",
    "stopped": "stopped early",
    "infeasible": "infeasible",
    "failed": "failed",
    "running": "still running",
}


@dataclass(frozen=True)
class Outcome:
    """Trials that ended in the same way for the same reason; `reason` shows varying numbers as "…"."""

    state: str
    reason: str
    n_trials: int


def by_state(study: Study) -> dict[str, int]:
    """The number of trials of each state that occurs, in the order of the lifecycle."""
    states = [trial.state for trial in study.trials]
    return {state: states.count(state) for state in STATES if state in states}


def outcomes(study: Study) -> list[Outcome]:
    """The trials that the figures leave out, most frequent reason first within each state.

    Complete trials are among them when they break a constraint or lack a value for an objective.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for trial in study.trials:
        reason = _reason(study, trial)
        if reason is not None:
            groups[trial.state, without_numbers(reason)].append(reason)
    order = list(STATES)
    ended = [
        Outcome(state, reasons[0] if len(set(reasons)) == 1 else masked, len(reasons))
        for (state, masked), reasons in groups.items()
    ]
    return sorted(ended, key=lambda item: (order.index(item.state), -item.n_trials, item.reason))  # type: ignore[arg-type]


def without_numbers(reason: str) -> str:
    """A reason with "…" for each number, so that those that differ in numbers alone are alike."""
    return _NUMBER.sub("…", reason)


def _reason(study: Study, trial: Trial) -> str | None:
    """Why a trial is not in the figures; None for one that is."""
    if trial.state == "running":
        return "not finished when this page was made"
    if trial.state != "complete":
        return trial.reason or "no reason recorded"
    broken = [name for name, violation in trial.constraints.items() if not violation <= 0]
    if broken:
        return f"outside the limit on {_labels(broken)}"
    missing = [item.name for item in study.info.objectives if not _is_number(trial.values.get(item.name))]
    return f"no number for {_labels(missing)}" if missing else None


def _labels(names: Iterable[str]) -> str:
    return ", ".join(quantity(name).label for name in names)


def _is_number(value: float | None) -> bool:
    return value is not None and abs(value) < float("inf")


def outcomes_html(study: Study) -> Html:
    """A short list of what the figures leave out; empty where they leave out nothing."""
    left_out = outcomes(study)
    if not left_out:
        return Html()
    n_trials = sum(item.n_trials for item in left_out)
    items = [
        tag(
            "li",
            tag("span", f"{item.n_trials:,} {WORDS[item.state]}", class_=f"state state-{item.state}"),
            f": {shortened(item.reason, MAX_LENGTH)}",
        )
        for item in left_out[:MAX_REASONS]
    ]
    if len(left_out) > MAX_REASONS:
        rest = sum(item.n_trials for item in left_out[MAX_REASONS:])
        items.append(tag("li", f"{counted(rest, 'more trial')} for other reasons, in trials.parquet"))
    verb = "is" if n_trials == 1 else "are"
    intro = f"{counted(n_trials, 'trial')} {verb} not in these figures:"
    return tag("div", tag("p", intro), join(tag("ul", *items)), class_="outcomes")
