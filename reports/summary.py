"""Two or three plain sentences, made from the data."""

from __future__ import annotations

from reports.digest import Digest, value
from reports.figure import Card
from reports.hypervolume import NEARLY, HypervolumeFrame
from reports.markup import Html, join, tag
from reports.names import NO_BREAK, capitalised, counted, listed, percent, quantity, with_unit, written
from reports.outcomes import WORDS, by_state
from studies.model import Objective, Trial
from studies.noise import seed_spread


def sentences(digest: Digest, hypervolume: HypervolumeFrame | Card) -> list[Html]:
    """The best trial and its price; the knee; the front and its hypervolume."""
    if not digest.front:
        return [_nothing(digest)]
    found = [_best(digest)]
    if len(digest.objectives) > 1:
        found.append(_knee(digest))
    return [*found, _front(digest, hypervolume)]


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
        f", reached by trial {best.number}{_over_seeds(digest)}",
    )
    prices = [
        f"{with_unit(item.name, value(best, item.name))} of {quantity(item.name).label}" for item in others
    ]
    return join(head, f"; it comes with {listed(prices)}." if prices else ".")


def _over_seeds(digest: Digest) -> str:
    """What replicates of the best trial say of it, in brackets."""
    best, name = digest.front[0], digest.objectives[0].name
    spread = seed_spread(best, name, digest.spreads)
    if spread is None:
        return ""
    told = (
        f"{written(name, spread.mean)} ± {written(name, spread.sd)}{NO_BREAK}{quantity(name).unit}".rstrip()
    )
    return f" ({told} over {spread.n} seeds)"


def _knee(digest: Digest) -> Html:
    best, knee = digest.front[0], digest.knee
    if knee is None:
        return Html("")
    if knee.number == best.number:
        return join("The ", tag("strong", "knee"), " of the front, the best compromise, is that same trial.")
    amounts = [with_unit(item.name, value(knee, item.name)) for item in digest.objectives]
    changes = [change(item, best, knee) for item in digest.objectives]
    return join(
        "The ",
        tag("strong", "knee"),
        f" of the front, the best compromise, is trial {knee.number} with {listed(amounts)}: compared with "
        f"the best trial, {listed(changes)}.",
    )


def change(objective: Objective, base: Trial, other: Trial) -> str:
    """How `other` differs from `base`: "validation accuracy 0.83 points lower", "latency 54 % lower"."""
    found = quantity(objective.name)
    before, after = value(base, objective.name), value(other, objective.name)
    if before == after:
        return f"{found.label} the same"
    way = "lower" if after < before else "higher"
    if found.kind == "percent":
        return f"{found.label} {abs(after - before):.2f}{NO_BREAK}points {way}"
    if before > 0:
        share = abs(after - before) / before
        amount = percent(share) if share >= 0.005 else f"less than {percent(0.01)}"
        return f"{found.label} {amount} {way}"
    return f"{found.label} {with_unit(objective.name, abs(after - before))} {way}"


def _front(digest: Digest, hypervolume: HypervolumeFrame | Card) -> Html:
    n_complete = by_state(digest.study)["complete"]
    stands = "trial stands" if len(digest.front) == 1 else "trials stand"
    head = f"{len(digest.front):,} {stands} on the front, of {counted(n_complete, 'complete one')}"
    if isinstance(hypervolume, Card):
        return join(capitalised(head), ".")
    reached = f"{hypervolume.n_nearly:,} of {counted(len(hypervolume.numbers), 'trial')}"
    return join(head, f"; {percent(NEARLY)} of its hypervolume was there after {reached}.")
