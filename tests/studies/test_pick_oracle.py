"""Every answer of `--pick`, and every reason for none, against brute force."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from studies.errors import PickError
from studies.limits import why_none_fits
from studies.model import Direction, Objective, Study, Trial
from studies.pick import pick
from studies.pick_rule import Best, Limit, parse_rule
from tests.studies.make import REPEATABLE, make_study

COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "==": operator.eq}
NAN, INF = math.nan, math.inf
MANY = settings(REPEATABLE, max_examples=300)

values = st.sampled_from([0.0, 1.0, 2.0, 2.5, 10.0, NAN, INF, -INF, None])
ways = st.lists(st.sampled_from(["maximize", "minimize"]), min_size=1, max_size=3)
trials_drawn = st.lists(
    st.fixed_dictionaries(
        {
            "point": st.tuples(values, values, values),
            "state": st.sampled_from(["complete"] * 5 + ["stopped", "failed"]),
            "violation": st.sampled_from([None, -1.0, 0.0, 0.0, 0.5, NAN]),
            "replicate_of": st.sampled_from([None, None, None, 0]),
        }
    ),
    max_size=8,
)


def study_of(drawn: Sequence[dict[str, Any]], directions: Sequence[Direction]) -> Study:
    """Trials with objectives o0, o1, ...; a value of None is left out of the trial."""
    trials = []
    for number, one in enumerate(drawn):
        known = {f"o{i}": value for i, value in enumerate(one["point"]) if value is not None}
        told = {name: value for name, value in known.items() if int(name[1]) < len(directions)}
        constraints = {} if one["violation"] is None else {"c": one["violation"]}
        trials.append(
            Trial(
                number,
                one["state"],
                {},
                {},
                values=told if one["state"] == "complete" else {},
                constraints=constraints,
                metrics=known,
                replicate_of=one["replicate_of"],
            )
        )
    return make_study(trials, [Objective(f"o{i}", way) for i, way in enumerate(directions)])


def losses(one: dict[str, Any], directions: Sequence[Direction]) -> list[float]:
    point = one["point"][: len(directions)]
    return [
        NAN if value is None else -value if way == "maximize" else value
        for value, way in zip(point, directions, strict=True)
    ]


def is_in_question(one: dict[str, Any]) -> bool:
    is_feasible = one["violation"] is None or one["violation"] <= 0
    return one["state"] == "complete" and is_feasible and one["replicate_of"] is None


@MANY
@given(trials_drawn, ways)
def test_the_knee_is_that_of_brute_force(drawn: list[dict[str, Any]], directions: list[Direction]) -> None:
    points = {number: losses(one, directions) for number, one in enumerate(drawn) if is_in_question(one)}
    points = {number: point for number, point in points.items() if all(map(math.isfinite, point))}

    def beats(one: list[float], other: list[float]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    stand = {n: p for n, p in points.items() if not any(beats(other, p) for other in points.values())}
    study = study_of(drawn, directions)
    if not stand:
        with pytest.raises(PickError, match="the front is empty, so it has no knee"):
            pick(study, "knee")
        return
    lows = [min(column) for column in zip(*stand.values(), strict=True)]
    highs = [max(column) for column in zip(*stand.values(), strict=True)]

    def distance(point: list[float]) -> float:
        shares = (
            (v - low) / (high - low) if high > low else 0.0
            for v, low, high in zip(point, lows, highs, strict=True)
        )
        return round(math.hypot(*shares), 9)

    assert pick(study, "knee").number == min(stand, key=lambda number: (distance(stand[number]), number))


@MANY
@given(trials_drawn, ways, st.integers(0, 9))
def test_a_number_is_that_trial_or_the_reason(
    drawn: list[dict[str, Any]], directions: list[Direction], number: int
) -> None:
    study = study_of(drawn, directions)
    if number >= len(drawn):
        expected = f"there is no trial {number}; the study has "
    elif drawn[number]["replicate_of"] is not None:
        expected = f"trial {number} is a replicate of trial 0"
    elif drawn[number]["state"] != "complete":
        expected = f"trial {number} is {drawn[number]['state']}; only a complete trial can be picked"
    else:
        assert pick(study, f"trial:{number}") is study.trials[number]
        return
    with pytest.raises(PickError, match=f"^{re.escape(expected)}"):
        pick(study, f"trial:{number}")


@MANY
@given(
    trials_drawn,
    ways,
    st.integers(0, 2),
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(list(COMPARE)), st.sampled_from([0, 1, 2.5])), max_size=2
    ),
)
def test_the_best_is_that_of_brute_force(
    drawn: list[dict[str, Any]],
    directions: list[Direction],
    metric: int,
    limits: list[tuple[int, str, float]],
) -> None:
    # One more with every field, so that no rule is refused for a name; it never answers.
    every = {"point": (0.0, 0.0, 0.0), "state": "failed", "violation": None, "replicate_of": None}
    study = study_of([*drawn, every], directions)
    told = " and ".join(f"o{name}{sign}{right}" for name, sign, right in limits)
    rule = f"best:o{metric}" + (f" where {told}" if told else "")

    def keeps(one: dict[str, Any]) -> bool:
        return all(
            one["point"][name] is not None and COMPARE[sign](one["point"][name], right)
            for name, sign, right in limits
        )

    sign = -1 if metric < len(directions) and directions[metric] == "maximize" else 1
    fitting = {number: one for number, one in enumerate(drawn) if is_in_question(one) and keeps(one)}
    scores = {number: one["point"][metric] for number, one in fitting.items()}
    scores = {n: sign * v for n, v in scores.items() if v is not None and math.isfinite(v)}
    if not scores:
        with pytest.raises(PickError, match=r"none of|no trial is complete and feasible"):
            pick(study, rule)
        return
    tied = [number for number, score in scores.items() if score == min(scores.values())]
    points = {number: losses(drawn[number], directions) for number in tied}
    whole = {number: point for number, point in points.items() if not any(map(math.isnan, point))}

    def is_beaten(number: int) -> bool:
        return any(
            other != whole[number] and all(a <= b for a, b in zip(other, whole[number], strict=True))
            for other in whole.values()
        )

    best = [number for number in whole if not is_beaten(number)] or tied
    assert pick(study, rule).number == min(best)


# Why none fits ------------------------------------------------------------------------------------

cells = st.sampled_from([None, 0, 1, 2, 2.5, 8, 100.0, NAN, INF, True, "a", "ab"])
rows = st.lists(st.dictionaries(st.sampled_from(["x", "y"]), cells, max_size=2), min_size=1, max_size=6)
limits_drawn = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("xy"), st.sampled_from(list(COMPARE)), st.sampled_from(["0", "3", "-2.5"])),
        st.tuples(st.sampled_from("xy"), st.just("=="), st.sampled_from(["a", "abc", "true", "null"])),
    ),
    min_size=1,
    max_size=3,
)


def kept(row: dict[str, Any], limit: Limit) -> bool:
    """The rules of the page, written once more."""
    if limit.name not in row:
        return False
    value, right = row[limit.name], limit.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return bool(COMPARE[limit.operator](value, float(right)))
        except ValueError:
            return False
    words = {True: "true", None: "null"} if not isinstance(value, str) else {value: value}
    return limit.operator == "==" and words[value] == right


def gap(row: dict[str, Any], limit: Limit) -> float:
    """By how much a number breaks a limit; infinite where nothing can be subtracted."""
    value = row.get(limit.name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        found = abs(value - float(limit.value)) if is_number and value is not None else INF
    except ValueError:
        return INF
    return INF if math.isnan(found) else found


@MANY
@given(rows, limits_drawn)
def test_the_reason_names_what_brute_force_finds(
    table: list[dict[str, Any]], asked: list[tuple[str, str, str]]
) -> None:
    check_reason(table, asked)


measured = st.sampled_from([0, 1, 2, 2.5, 8])
pairs = st.lists(st.fixed_dictionaries({"x": measured, "y": measured}), min_size=2, max_size=6)
sides = st.tuples(st.sampled_from(["<=", ">=", "<", ">"]), st.sampled_from(["1", "2", "4"]))


@MANY
@given(pairs, sides, sides)
def test_the_nearest_to_all_limits_is_that_of_brute_force(
    table: list[dict[str, Any]], first: tuple[str, str], second: tuple[str, str]
) -> None:
    check_reason(table, [("x", *first), ("y", *second)])


def check_reason(table: list[dict[str, Any]], asked: list[tuple[str, str, str]]) -> None:
    rule = parse_rule("best:m where " + " and ".join(f"{name}{sign}{value}" for name, sign, value in asked))
    assert isinstance(rule, Best)
    limits = rule.limits
    assume(not any(all(kept(row, limit) for limit in limits) for row in table))
    trials = [Trial(number, "complete", {}, row) for number, row in enumerate(table)]
    head, *lines = why_none_fits(trials, limits).split("\n")
    assert re.match(rf"none of {len(table)} complete feasible trials? keeps", head)
    counts = [sum(kept(row, limit) for row in table) for limit in limits]
    for limit, count, line in zip(limits, counts, lines, strict=False):
        start = f"  {limit}: kept by {count or 'none'}"
        assert line == start if count else line.startswith(f"{start}; ")
        if not count:
            check_nearest(table, limit, line[len(start) + 2 :])
    if all(counts):

        def breach(number: int) -> tuple[int, float, int]:
            row = table[number]
            broken = [limit for limit in limits if not kept(row, limit)]
            shares = sum(gap(row, limit) / (abs(limit.number or 0) or 1) for limit in broken)
            return len(broken), shares, number

        nearest = min(range(len(table)), key=breach)
        start = f"  no trial keeps all of them; nearest is trial {nearest}: "
        assert lines[-1].startswith(start)
        told = lines[-1][len(start) :].split(", ")
        broken = [limit.name for limit in limits if not kept(table[nearest], limit)]
        assert [name for name in broken if any(re.search(rf"\b{name}\b", part) for part in told)] == broken
    assert len(lines) == len(limits) + all(counts)


def check_nearest(table: list[dict[str, Any]], limit: Limit, told: str) -> None:
    present = [row[limit.name] for row in table if limit.name in row]
    kinds = (int, float)
    numbers = {
        number: row[limit.name]
        for number, row in enumerate(table)
        if type(row.get(limit.name)) in kinds and not math.isnan(row[limit.name])
    }
    if not present:
        assert told == "none of them has it"
    elif limit.number is not None and numbers:
        nearest = min(numbers, key=lambda number: (gap(table[number], limit), number))
        assert told.startswith(f"nearest is trial {nearest}: ")
        difference = gap(table[nearest], limit)
        if difference == 0:
            assert told.endswith("which is the limit itself")
        elif math.isfinite(difference):
            amount = re.fullmatch(r".*, ([\d.,]+) (above|below) the limit", told)
            assert amount is not None
            assert float(amount[1].replace(",", "")) == pytest.approx(difference, rel=5e-3)
            assert (amount[2] == "above") == (numbers[nearest] > limit.number)
        else:
            assert told.endswith(f"inf {'above' if numbers[nearest] > 0 else 'below'} the limit")
    else:
        assert told.startswith("they have ")
        assert all(repr(str(value)) in told for value in present)
