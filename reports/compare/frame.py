"""Several studies compared: fronts, hypervolumes from one reference point, coverage, leaders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from reports.compare.ground import Entrant, Ground
from reports.data.digest import loss
from studies.model import Objective, Study, Trial
from studies.pareto import (
    directions,
    finishing_order,
    front,
    hypervolume,
    hypervolume_curve,
    is_non_dominated,
    objective_values,
    rankable,
    reference_point,
    to_minimise,
)
from studies.points import Floats


@dataclass(frozen=True)
class Member:
    """One study in the comparison; its front is the one in the compared objectives only.

    on_common: the numbers of the front's trials that are also on the common front.
    hypervolume: from the common reference point, in the product of the objectives' units.
    best: per objective the best value of a rankable trial; empty without one.
    curve: the hypervolume after each finished trial. epochs: epochs trained by then, all trials together.
    """

    name: str
    study: Study
    front: tuple[Trial, ...]
    on_common: frozenset[int]
    hypervolume: float
    best: Mapping[str, float]
    curve: list[float]
    epochs: list[int]

    @property
    def n_common(self) -> int:
        """How many of its trials are on the common front."""
        return len(self.on_common)


@dataclass(frozen=True)
class Place:
    """A trial on the common front, and the index of its study among the members."""

    member: int
    trial: Trial


@dataclass(frozen=True)
class CompareFrame:
    """The whole comparison.

    reference: of the hypervolume, per objective; None where no study has a rankable trial.
    total: the hypervolume of the common front. common: its trials, best first objective first.
    coverage: [i][j] is the share of j's front that i covers; None where j has no front, or is i.
    """

    objectives: tuple[Objective, ...]
    members: tuple[Member, ...]
    reference: Mapping[str, float] | None
    total: float
    common: tuple[Place, ...]
    coverage: list[list[float | None]]


def compare_frame(entrants: Sequence[Entrant], ground: Ground) -> CompareFrame:
    """Compare the studies in the objectives of `ground`.

    All share one reference point: per objective its own `reference`, or the worst value of the rankable
    trials of all studies, moved out by 10 % of their range.
    """
    projected = [_projected(entrant.study, ground.objectives) for entrant in entrants]
    pooled = np.vstack([objective_values(study, rankable(study)) for study in projected])
    ways = directions(projected[0])
    corner = reference_point(pooled, ways, [objective.reference for objective in ground.objectives])
    if corner is None:
        members = [
            _member(entrant.name, study, study, set())
            for entrant, study in zip(entrants, projected, strict=True)
        ]
        return CompareFrame(ground.objectives, tuple(members), None, 0.0, (), coverage(members))
    fixed = tuple(
        replace(objective, reference=number)
        for objective, number in zip(ground.objectives, corner, strict=True)
    )
    common = _common(projected)
    members = [
        _member(
            entrant.name,
            study,
            _projected(study, fixed),
            {place.trial.number for place in common if place.member == index},
        )
        for index, (entrant, study) in enumerate(zip(entrants, projected, strict=True))
    ]
    return CompareFrame(
        objectives=ground.objectives,
        members=tuple(members),
        reference=dict(zip([objective.name for objective in fixed], corner, strict=True)),
        total=hypervolume(objective_values(projected[0], [place.trial for place in common]), ways, corner),
        common=common,
        coverage=coverage(members),
    )


def out_of_reach(frame: CompareFrame) -> list[str] | None:
    """The objectives in which no trial is better than the reference, if the hypervolume is 0 for that.

    None if the hypervolume is above 0, or there is no trial; empty if in each objective some trial is
    better, but no trial is better in all of them.
    """
    if frame.reference is None or frame.total > 0:
        return None
    return [
        objective.name
        for objective in frame.objectives
        if not any(
            _betters(place.trial.values[objective.name], objective, frame.reference) for place in frame.common
        )
    ]


def _betters(value: float | None, objective: Objective, reference: Mapping[str, float]) -> bool:
    corner = reference[objective.name]
    return value is not None and (value > corner if objective.direction == "maximize" else value < corner)


def _projected(study: Study, objectives: tuple[Objective, ...]) -> Study:
    """The study as if it had been searched for these objectives alone."""
    return replace(study, info=replace(study.info, objectives=objectives))


def _member(name: str, study: Study, measured: Study, on_common: set[int]) -> Member:
    """A member; `measured` is the study with the common reference point, for its hypervolumes."""
    best = sorted(front(study), key=lambda trial: (loss(trial, study.info.objectives[0]), trial.number))
    curve = [float(volume) for volume in hypervolume_curve(measured)]
    return Member(
        name=name,
        study=study,
        front=tuple(best),
        on_common=frozenset(on_common),
        hypervolume=curve[-1] if curve else 0.0,
        best=_best(study),
        curve=curve,
        epochs=list(accumulate(trial.epochs_trained for trial in finishing_order(study))),
    )


def _best(study: Study) -> dict[str, float]:
    trials = rankable(study)
    best = {
        objective.name: min(trials, key=lambda trial: (loss(trial, objective), trial.number))
        for objective in study.info.objectives
        if trials
    }
    return {name: trial.values[name] or 0.0 for name, trial in best.items()}


def _common(studies: Sequence[Study]) -> tuple[Place, ...]:
    """The trials that no trial of any study dominates; equal ones all stay."""
    places = [Place(index, trial) for index, study in enumerate(studies) for trial in rankable(study)]
    if not places:
        return ()
    first = studies[0].info.objectives[0]
    values = objective_values(studies[0], [place.trial for place in places])
    stands = is_non_dominated(to_minimise(values, directions(studies[0])))
    kept = [place for place, is_kept in zip(places, stands, strict=True) if is_kept]
    return tuple(sorted(kept, key=lambda place: (loss(place.trial, first), place.member, place.trial.number)))


def coverage(members: Sequence[Member]) -> list[list[float | None]]:
    """C(A, B) of Zitzler and Thiele (1999) for each ordered pair of fronts.

    The share of B's front that some point of A's front dominates or equals: 1 when A covers all of B.
    """
    fronts = [_minimised(member) for member in members]
    return [
        [
            None if covered is covering or not len(covered) else _covered(covering, covered)
            for covered in fronts
        ]
        for covering in fronts
    ]


def _minimised(member: Member) -> Floats:
    return to_minimise(objective_values(member.study, member.front), directions(member.study))


def _covered(covering: Floats, covered: Floats) -> float:
    is_covered = (covering[:, None, :] <= covered[None, :, :]).all(axis=2).any(axis=0)
    return float(is_covered.mean())


@dataclass(frozen=True)
class Stretch:
    """A range of demands on the first objective that the same studies meet, with the same leaders.

    strict, lax: the two ends as values of the first objective; a demand of `strict` belongs to this range,
    one of `lax` to the next. lax is None for the last range: all weaker demands.
    leaders: the indices of the members that share the best value of the second objective.
    offers: per member the best value of the second objective among trials that meet the demand `strict`;
    None where none does.
    """

    strict: float
    lax: float | None
    leaders: tuple[int, ...]
    offers: tuple[float | None, ...]


def stretches(frame: CompareFrame, first: Objective, second: Objective) -> list[Stretch]:
    """Which study has the best `second` for each demand on `first`, from the strictest that a trial meets.

    Empty without a rankable trial.
    """
    points = [
        [(loss(trial, first), loss(trial, second)) for trial in rankable(member.study)]
        for member in frame.members
    ]
    result: list[Stretch] = []
    demands = sorted({demand for of_member in points for demand, _ in of_member})
    offers = [_offers(of_member, demands) for of_member in points]
    for place, demand in enumerate(demands):
        offered = [of_member[place] for of_member in offers]
        least = min(offered)
        leaders = tuple(index for index, price in enumerate(offered) if price == least)
        values = tuple(None if price == np.inf else _unsigned(price, second) for price in offered)
        if result and (result[-1].leaders, _lacking(result[-1].offers)) == (leaders, _lacking(values)):
            continue
        strict = _unsigned(demand, first)
        if result:
            result[-1] = replace(result[-1], lax=strict)
        result.append(Stretch(strict, None, leaders, values))
    return result


def _offers(points: Sequence[tuple[float, float]], demands: Sequence[float]) -> list[float]:
    """For each demand, ascending, the least price among the points that meet it; infinity where none does."""
    waiting, least, prices = sorted(points), float("inf"), []
    place = 0
    for demand in demands:
        while place < len(waiting) and waiting[place][0] <= demand:
            least = min(least, waiting[place][1])
            place += 1
        prices.append(least)
    return prices


def _lacking(offers: Sequence[float | None]) -> list[bool]:
    return [offer is None for offer in offers]


def _unsigned(minimised: float, objective: Objective) -> float:
    return -minimised if objective.direction == "maximize" else minimised
