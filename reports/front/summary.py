"""Three sentences from the data: the best trial, the knee, and the cheapest trials that are nearly best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.course.outcomes import WORDS, by_state
from reports.data.digest import Digest, loss, value
from reports.format.quantities import (
    NO_BREAK,
    capitalised,
    counted,
    listed,
    percent,
    quantity,
    with_unit,
    written,
)
from reports.html.markup import Html, join, tag
from studies.accuracy import about_metric, accuracy_remarks
from studies.model import Objective, Trial
from studies.noise import seed_spread
from studies.text import decimals

POINT = 1.0
"""A percentage is nearly the best if it is at most this many points below the best."""

SHARE = 0.01
"""Any other quantity is nearly the best within this share of the best value."""

ROUNDING = 1e-9
"""Relative tolerance for rounding: 97.2 - 96.2 is slightly more than 1 in floating point."""


@dataclass(frozen=True)
class Saving:
    """The best value of one objective among the trials that are nearly the best in the first one.

    trial: the one that has it; ties go to the better first objective, then to the lower number.
    is_best: whether the best trial itself has that value.
    """

    objective: Objective
    trial: Trial
    is_best: bool


def sentences(digest: Digest) -> list[Html]:
    """The best trial, the knee, and the cheapest nearly best trials; fewer where there are none."""
    if not digest.front:
        return [_nothing(digest)]
    if len(digest.objectives) == 1:
        return [_best(digest)]
    return [_best(digest), _knee(digest), _savings(digest)]


def remarks(digest: Digest) -> list[str]:
    """Why the accuracies say little, a sentence for each reason; see `studies.accuracy`."""
    texts = accuracy_remarks(digest.study, lambda name: quantity(name).label)
    return [f"{capitalised(text)}." for text in texts]


def nearly_best(digest: Digest) -> list[Trial]:
    """The measured trials within one point (`POINT`) or one percent (`SHARE`) of the best first objective.

    By number; the best itself is among them. Empty without a front.
    """
    if not digest.front:
        return []
    first, best = digest.objectives[0], digest.front[0]
    worst = loss(best, first) + _room(digest)
    return [trial for trial in digest.measured if loss(trial, first) <= worst]


def savings(digest: Digest) -> list[Saving]:
    """For each objective but the first: its best value among the trials that are nearly the best."""
    candidates, (first, *others) = nearly_best(digest), digest.objectives
    result = []
    for item in others if candidates else []:
        cheapest = min(candidates, key=lambda trial: (loss(trial, item), loss(trial, first), trial.number))
        result.append(Saving(item, cheapest, loss(cheapest, item) == loss(digest.front[0], item)))
    return result


def difference(objective: Objective, base: Trial, other: Trial) -> str:
    """How much `other` differs from `base`, without a sign: "0.83 points", "54 %", "2.50 ms"."""
    before, after = value(base, objective.name), value(other, objective.name)
    if quantity(objective.name).kind == "percent":
        return f"{decimals(abs(after - before), 2)}{NO_BREAK}points"
    if before <= 0:
        return with_unit(objective.name, abs(after - before))
    share = abs(after - before) / before
    return percent(share) if share >= 0.005 else f"less than {percent(0.01)}"


def reduction(objective: Objective, base: Trial, other: Trial) -> str:
    """By how much `other` is cheaper than `base`: "41 % less memory", "2.3 times less latency".

    For an objective to maximise it says "more".
    """
    label = quantity(objective.name).label
    before, after = value(base, objective.name), value(other, objective.name)
    word = "less" if after < before else "more"
    small, large = sorted((before, after))
    if word == "less" and small > 0 and large >= 2 * small:
        return f"{large / small:.1f} times less {label}"
    return f"{difference(objective, base, other)} {word} {label}"


def _nothing(digest: Digest) -> Html:
    states = [f"{count:,} {WORDS[state]}" for state, count in by_state(digest.study).items()]
    if not states:
        return join("The study has no trials yet.")
    return join(
        "No trial has finished within the limits, so there is no front yet. ", f"Trials: {listed(states)}."
    )


def _best(digest: Digest) -> Html:
    first, *others = digest.objectives
    best = digest.front[0]
    amount = tag("strong", with_unit(first.name, value(best, first.name)))
    head = join(
        f"The best {quantity(first.name).label} is ",
        amount,
        f" ({about})" if (about := about_metric(best, first.name)) else "",
        f", reached by trial {best.number}{_over_seeds(digest)}",
    )
    prices = [
        f"{with_unit(item.name, value(best, item.name))} of {quantity(item.name).label}" for item in others
    ]
    return join(head, f"; it comes with {listed(prices)}." if prices else ".")


def _over_seeds(digest: Digest) -> str:
    """Mean and standard deviation over the replicates of the best trial, in brackets; "" without any."""
    best, name = digest.front[0], digest.objectives[0].name
    spread = seed_spread(best, name, digest.spreads)
    if spread is None:
        return ""
    text = (
        f"{written(name, spread.mean)} ± {written(name, spread.sd)}{NO_BREAK}{quantity(name).unit}".rstrip()
    )
    return f" ({text} over {spread.n} seeds)"


def _knee(digest: Digest) -> Html:
    best, knee = digest.front[0], digest.knee
    if knee is None or knee.number == best.number:
        return join("The ", tag("strong", "knee"), " of the front, the best compromise, is that same trial.")
    amounts = [with_unit(item.name, value(knee, item.name)) for item in digest.objectives]
    return join(
        "The ",
        tag("strong", "knee"),
        f" of the front, the best compromise, is trial {knee.number} with {listed(amounts)}: compared with "
        f"the best trial, it {exchange(digest.objectives, best, knee)}.",
    )


def exchange(objectives: Sequence[Objective], base: Trial, other: Trial) -> str:
    """What `other` loses and gains compared with `base`: verbs with their amounts."""
    verbs: dict[str, list[str]] = {"gives up": [], "costs": [], "saves": [], "gains": []}
    for item in objectives:
        before, after = loss(base, item), loss(other, item)
        if before == after:
            continue
        amount, label = difference(item, base, other), quantity(item.name).label
        is_worse = after > before
        if item.direction == "maximize":
            verbs["gives up" if is_worse else "gains"].append(f"{amount} of {label}")
        else:
            verbs["costs" if is_worse else "saves"].append(f"{amount} {'more' if is_worse else 'of'} {label}")
    clauses = [f"{verb} {listed(amounts)}" for verb, amounts in verbs.items() if amounts]
    return listed(clauses) if clauses else "is the same in every objective"


def _savings(digest: Digest) -> Html:
    """The cheapest nearly best trials, and how much less they cost than the best."""
    all_savings = savings(digest)
    n_others = len(nearly_best(digest)) - 1
    if not n_others:
        return join(f"No other trial comes {_reach(digest)}.")
    cheaper = [saving for saving in all_savings if not saving.is_best]
    if not cheaper:
        costs_only = all(item.direction == "minimize" for item in digest.objectives[1:])
        better = "costs less" if costs_only else "is better in any other objective"
        return join(f"Of {counted(n_others, 'other trial')} {_reach(digest)}, none {better}.")
    names = {saving.trial.number: saving.trial for saving in cheaper}
    offers = [
        _offer(digest, trial, [saving for saving in cheaper if saving.trial is trial])
        for trial in names.values()
    ]
    same = [quantity(saving.objective.name).label for saving in all_savings if saving.is_best]
    rest = f"; in {listed(same)} the best itself is the cheapest" if same else ""
    reach = _reach(digest)
    return join(f"{reach[0].upper()}{reach[1:]}, ", *_between(offers), f"{rest}.")


def _offer(digest: Digest, trial: Trial, savings: Sequence[Saving]) -> Html:
    """One trial with its first objective, and what it costs against the best."""
    first, best = digest.objectives[0], digest.front[0]
    amounts = [with_unit(saving.objective.name, value(trial, saving.objective.name)) for saving in savings]
    costs = [
        f"{reduction(saving.objective, best, trial)} ({amount})"
        for saving, amount in zip(savings, amounts, strict=True)
    ]
    verb = "has" if all(saving.objective.direction == "maximize" for saving in savings) else "needs"
    return join(
        tag("strong", f"trial {trial.number}"),
        f" with {with_unit(first.name, value(trial, first.name))} {verb} {listed(costs)}",
    )


def _between(parts: Sequence[Html]) -> list[str]:
    """The parts with "; " between them, the last behind "and"."""
    marks = ["; "] * (len(parts) - 2) + [", and "] * (len(parts) > 1) + [""]
    return [piece for part, mark in zip(parts, marks, strict=True) for piece in (part, mark)]


def _room(digest: Digest) -> float:
    first, best = digest.objectives[0], digest.front[0]
    room = POINT if quantity(first.name).kind == "percent" else SHARE * abs(value(best, first.name))
    return room * (1 + ROUNDING)


def _reach(digest: Digest) -> str:
    first = digest.objectives[0]
    is_percent = quantity(first.name).kind == "percent"
    step = "one point" if is_percent else percent(SHARE)
    return f"within {step} of the best {quantity(first.name).label}"
