from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.errors import PickError
from studies.model import Direction, Objective, Study, Trial
from studies.pareto import knee
from studies.pick import pick
from tests.studies.make import REPEATABLE, make_study, make_trial

OPERATORS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "==": operator.eq}
NAN = float("nan")


@pytest.fixture
def study() -> Study:
    params: list[dict[str, Any]] = [
        {"T": 2, "distillation.mode": "none"},
        {"T": 4, "distillation.mode": "reliable", "distillation.branches": "1,3", "optim.loss_over_T": True},
        {"T": 6, "distillation.mode": "reliable", "distillation.branches": "3", "optim.temperature": None},
        {"T": 1, "distillation.mode": "deepest", "distillation.branches": "", "optim.loss_over_T": False},
    ]
    points = [(85.0, 10.0, 1.0), (92.0, 40.0, 2.5), (94.0, 60.0, 4.0), (70.0, 8.0, 0.5)]
    extra: list[dict[str, Any]] = [{"macs": 300}, {"macs": 200}, {}, {"macs": 200, "accuracy_at_t": [1.0]}]
    trials = []
    for number, (point, own, more) in enumerate(zip(points, params, extra, strict=True)):
        trial = make_trial(number, point, params=own)
        trials.append(make_trial(number, point, params=own, metrics={**trial.metrics, **more}))
    trials.append(make_trial(4, (99.0, 1.0, 0.1), constraints={"latency_ms": 0.1}))
    trials.append(make_trial(5, reason="out of memory\nat step 3"))
    trials.append(make_trial(6, state="running", reason=None, metrics={"test_accuracy": 1.0}))
    return make_study(trials)


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ("trial:1", 1),
        ("trial:4", 4),
        ("best:val_accuracy", 2),
        ("best:train_memory_mib", 3),
        ("best:macs", 1),
        ("best:val_accuracy where train_memory_mib<=40 and latency_ms<=3", 1),
        ("best:val_accuracy where train_memory_mib<40", 0),
        ("best:train_memory_mib where val_accuracy>=92", 1),
        ("best:val_accuracy where T==2", 0),
        ("best:val_accuracy where T>1 and T<6", 1),
        ("best:train_memory_mib where distillation.mode==reliable", 1),
        ("best:train_memory_mib where distillation.mode=='reliable'", 1),
        ("best:val_accuracy where distillation.branches==1,3", 1),
        ("best:val_accuracy where distillation.branches==3", 2),
        ('best:val_accuracy where distillation.branches==""', 3),
        ("best:val_accuracy where optim.loss_over_T==true", 1),
        ("best:val_accuracy where optim.loss_over_T==False", 3),
        ("best:latency_ms where optim.temperature==null", 2),
        ("best:val_accuracy where macs<=250", 1),
    ],
)
def test_rules_and_their_answers(rule: str, number: int, study: Study) -> None:
    assert pick(study, rule).number == number


def test_a_replicate_answers_no_rule(study: Study) -> None:
    better = make_trial(9, (99.9, 0.1, 0.1), replicate_of=2, seed=7, params=study.trials[2].params)
    with_it = make_study([*study.trials, better])
    for rule in ("knee", "best:val_accuracy", "best:latency_ms where T==6", "trial:2"):
        assert pick(with_it, rule) == pick(study, rule)
    message = "^trial 9 is a replicate of trial 2 with seed 7; pick the original, trial:2$"
    with pytest.raises(PickError, match=message):
        pick(with_it, "trial:9")


def test_the_knee_is_that_of_the_front(study: Study) -> None:
    assert pick(study, "knee") is knee(study)


def test_an_objective_is_looked_for_in_its_own_direction(study: Study) -> None:
    turned = make_study(
        study.trials, [Objective("macs", "maximize"), Objective("train_accuracy", "minimize")]
    )
    assert pick(turned, "best:macs").number == 0
    trials = [make_trial(0, metrics={"train_accuracy": 9.0}, state="complete")]
    trials += [make_trial(1, metrics={"train_accuracy": 8.0}, state="complete")]
    assert pick(make_study(trials, turned.info.objectives), "best:train_accuracy").number == 1
    assert pick(make_study(trials), "best:train_accuracy").number == 0


def test_ties_go_to_the_undominated_then_to_the_lower_number() -> None:
    points = [
        (90.0, 9.0, 2.0),
        (90.0, 8.0, 1.0),
        (90.0, 7.0, 3.0),
        (90.0, 8.0, 1.0),
        (90.0, NAN, 0.1),
        (80.0, 1, 1),
    ]
    trials = [make_trial(number, point) for number, point in enumerate(points)]
    assert pick(make_study(trials), "best:val_accuracy").number == 1
    assert pick(make_study(trials[::-1]), "best:val_accuracy").number == 1
    assert pick(make_study([trials[4], trials[0]]), "best:val_accuracy").number == 0


def test_a_value_that_is_not_finite_is_never_the_best() -> None:
    points = [(NAN, 1.0, 1.0), (float("inf"), 1.0, 1.0), (50.0, 1.0, 1.0)]
    trials = [make_trial(number, point) for number, point in enumerate(points)]
    assert pick(make_study(trials), "best:val_accuracy").number == 2
    with pytest.raises(PickError, match="none of the 2 trials in question has a finite val_accuracy"):
        pick(make_study(trials[:2]), "best:val_accuracy")


# Against brute force -----------------------------------------------------------------------------

cells = st.sampled_from([0.0, 1.0, 2.0, 2.5])
rows = st.lists(
    st.tuples(cells, cells, cells, st.integers(1, 3), st.sampled_from("ab")), min_size=1, max_size=7
)
sides = st.one_of(
    st.tuples(
        st.sampled_from(["o0", "o1", "T", "z"]),
        st.sampled_from(list(OPERATORS)),
        st.sampled_from([1, 2, 2.5]),
    ),
    st.tuples(st.just("mode"), st.just("=="), st.sampled_from(["a", "b"])),
)


def brute_pick(
    trials: Sequence[Trial], limits: Sequence[tuple[str, str, Any]], metric: str, ways: Sequence[Direction]
) -> int | None:
    def all_fields(trial: Trial) -> dict[str, Any]:
        return {**trial.params, **trial.metrics}

    def fits(trial: Trial) -> bool:
        own = all_fields(trial)
        return all(name in own and OPERATORS[sign](own[name], right) for name, sign, right in limits)

    def losses(trial: Trial) -> list[float]:
        return [-v if way == "maximize" else v for v, way in zip(trial.metrics.values(), ways, strict=False)]

    def loses(one: Trial, other: Trial) -> bool:
        pairs = list(zip(losses(one)[:2], losses(other)[:2], strict=True))
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)

    fitting = [trial for trial in trials if trial.is_feasible and fits(trial)]
    sign = -1 if metric == "o0" and ways[0] == "maximize" else 1
    best = min((sign * trial.metrics[metric] for trial in fitting), default=None)
    tied = [trial for trial in fitting if sign * trial.metrics[metric] == best]
    stands = [trial.number for trial in tied if not any(loses(trial, other) for other in tied)]
    return min(stands, default=None)


@REPEATABLE
@given(rows, st.lists(sides, max_size=3), st.sampled_from(["o0", "z"]), st.data())
def test_every_answer_is_that_of_brute_force(
    table: list[tuple[float, float, float, int, str]],
    limits: list[tuple[str, str, Any]],
    metric: str,
    data: st.DataObject,
) -> None:
    ways: list[Direction] = [data.draw(st.sampled_from(["maximize", "minimize"])), "minimize"]
    feasible = data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table)))
    trials = [
        Trial(
            number,
            "complete",
            {},
            {"T": steps, **({"mode": mode} if steps > 1 else {})},
            values={"o0": first, "o1": second},
            constraints={} if is_feasible else {"c": 0.1},
            metrics={"o0": first, "o1": second, "z": third},
        )
        for number, ((first, second, third, steps, mode), is_feasible) in enumerate(
            zip(table, feasible, strict=True)
        )
    ]
    # One more that has every field, so that a rule is never refused for a name, and never answers.
    every = Trial(99, "stopped", {}, {"T": 1, "mode": "a"}, metrics={"o0": 0.0, "o1": 0.0, "z": 0.0})
    study = make_study([*trials, every], [Objective("o0", ways[0]), Objective("o1", ways[1])])
    told = " and ".join(f"{name}{sign}{right}" for name, sign, right in limits)
    rule = f"best:{metric}" + (f" where {told}" if told else "")
    expected = brute_pick(trials, limits, metric, ways)
    if expected is None:
        with pytest.raises(PickError, match=r"none of|no trial is complete and feasible"):
            pick(study, rule)
    else:
        assert pick(study, rule).number == expected


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("trial:5", r"^trial 5 is infeasible: out of memory at step 3; only a complete trial"),
        ("trial:6", r"^trial 6 is running; only a complete trial"),
        ("trial:7", r"^there is no trial 7; the study has trials 0 to 6$"),
        (
            "best:val_acuracy",
            r"\^ no metric of this study; did you mean 'val_accuracy'\?\nmetrics: val_accuracy, tr",
        ),
        ("best:T", r"\^ T is a param; best: looks for a metric\n"),
        ("best:accuracy_at_t", r"\^ accuracy_at_t is a list; best: looks for a single number"),
        (
            "best:macs where t==1",
            r"\^ no metric or param of this study\nnames: val_accuracy,.* T, distillation.mode",
        ),
        ("best:macs where latency<=1", r"did you mean 'latency_ms'\?"),
        ("best:macs where accuracy_at_t<=1", r"\^ accuracy_at_t is a list; a limit needs a single value"),
        (
            "best:macs where distillation.mode>=1",
            r"\^ distillation.mode holds no numbers, so only == compares it",
        ),
        (
            "best:macs where latency_ms<=fast",
            r"\n {30}\^ latency_ms holds numbers: write one, without quotes",
        ),
        ("best:macs where T=='2'", r"\n {21}\^ T holds numbers: write one, without quotes"),
        ("best:macs where optim.loss_over_T==1", r"\^ optim.loss_over_T is true or false"),
    ],
)
def test_what_cannot_be_asked_is_told(rule: str, message: str, study: Study) -> None:
    with pytest.raises(PickError, match=message):
        pick(study, rule)


def test_a_limit_nobody_keeps_is_named_with_its_nearest_miss(study: Study) -> None:
    with pytest.raises(PickError, match="none of 4 complete feasible trials keeps all limits") as caught:
        pick(study, "best:val_accuracy where train_memory_mib<=2 and T>1")
    assert str(caught.value).split("\n")[1:] == [
        "  train_memory_mib<=2: kept by none; nearest is trial 3: "
        "train_memory_mib 8.00 MiB, 6.00 MiB above the limit",
        "  T>1: kept by 3",
    ]


def test_limits_that_only_exclude_together_name_the_nearest_trial(study: Study) -> None:
    with pytest.raises(PickError, match="keeps all limits") as caught:
        pick(study, "best:val_accuracy where val_accuracy>=90 and latency_ms<=2")
    assert str(caught.value).split("\n")[-1] == (
        "  no trial keeps all of them; nearest is trial 0: val_accuracy 85.00 %, 5.00 % below the limit"
    )


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("latency_ms<0.5", "nearest is trial 3: latency_ms 0.500 ms, which is the limit itself"),
        ("distillation.mode==relible", "they have 'none', 'reliable', 'deepest'; did you mean 'reliable'"),
        ("test_accuracy>=0", "test_accuracy>=0: kept by none; none of them has it"),
        ("T==3", "nearest is trial 0: T 2, 1 below the limit"),
    ],
)
def test_one_limit_that_nobody_keeps(limit: str, message: str, study: Study) -> None:
    with pytest.raises(PickError, match="none of 4 complete feasible trials keeps the limit\n") as caught:
        pick(study, f"best:val_accuracy where {limit}")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([], "0 trials"),
        (
            [make_trial(0), make_trial(1, state="failed", reason="x")],
            "1 infeasible (1 out of memory), 1 failed (1 x)",
        ),
    ],
    ids=["no trial", "all failed"],
)
def test_without_a_feasible_trial_the_states_are_told(trials: list[Trial], told: str) -> None:
    study = make_study(trials)
    with pytest.raises(PickError, match=r"^the front is empty, so it has no knee: ") as caught:
        pick(study, "knee")
    assert told in str(caught.value)
    with pytest.raises(PickError, match=r"^no trial is complete and feasible: ") as caught:
        pick(study, "best:val_accuracy")
    assert told in str(caught.value)
    with pytest.raises(PickError, match="there is no trial 9; the study has "):
        pick(study, "trial:9")


def test_a_single_trial_answers_every_rule() -> None:
    study = make_study([make_trial(3, (90.0, 1.0, 1.0))])
    for rule in ("knee", "trial:3", "best:latency_ms", "best:latency_ms where T==4"):
        assert pick(study, rule).number == 3


def test_a_limit_takes_the_last_part_of_a_params_name_that_no_other_has(study: Study) -> None:
    assert pick(study, "best:val_accuracy where mode==reliable").number == 2
    assert pick(study, "best:val_accuracy where branches==1,3 and loss_over_T==true").number == 1
    with pytest.raises(PickError, match=r"distillation\.mode==odd: kept by none; they have 'none'"):
        pick(study, "best:val_accuracy where mode==odd")
    with pytest.raises(PickError, match=r"\^ distillation\.mode is a param; best: looks for a metric"):
        pick(study, "best:mode")
    with pytest.raises(PickError, match=r"\^ no metric or param of this study; did you mean 'branches'\?"):
        pick(study, "best:val_accuracy where branch==3")


def test_a_last_part_that_two_params_have_is_to_be_written_in_full(study: Study) -> None:
    other = make_trial(9, params={"teacher.mode": "kd"})
    both = make_study([*study.trials, other])
    message = (
        r"where mode==reliable\n +\^ mode could be distillation\.mode or teacher\.mode: write one in full"
    )
    with pytest.raises(PickError, match=message):
        pick(both, "best:val_accuracy where mode==reliable")
    metric = make_trial(9, metrics={"mode": 3})
    with pytest.raises(PickError, match="mode holds numbers"):
        pick(make_study([*study.trials, metric]), "best:val_accuracy where mode==reliable")


DIGITS = "9" * 5000


@pytest.mark.parametrize(
    "rule",
    [
        f"trial:{DIGITS}", f"trial:{DIGITS}x", f"best:{DIGITS}", f"best:val_accuracy where {DIGITS}<=1",
        f"best:val_accuracy where latency_ms>={DIGITS}", "best:val_accuracy where latency_ms>=1e999999999",
        f"best:val_accuracy where T>={DIGITS}", f"best:val_accuracy where latency_ms<=-{DIGITS}.5",
        f"best:val_accuracy where T>={'9' * 400}", f"best:val_accuracy where latency_ms>={'9' * 400}",
        f"best:macs where val_accuracy>={'9' * 400} and latency_ms>=1", "trial:\u0661",
        "trial:\u00b2", "trial:0x1", "knee\0", "best:\0", "(((", "best:val_accuracy where ((T<=1", "'" * 5000,
        ":" * 5000, "<" * 5000,
        "best:val_accuracy where " + "T<=3 and " * 2000, "\udcff", "best:val_accuracy where T<=\u0663",
        "trial:" + " " * 9000,
    ],
    ids=lambda text: ascii(text[:30]),
)  # fmt: skip
def test_a_hostile_rule_is_a_short_message(study: Study, rule: str) -> None:
    with pytest.raises(PickError, match=r".") as caught:
        pick(study, rule)
    assert len(str(caught.value)) < 12_000


def test_a_limit_beyond_every_value_is_kept_by_all(study: Study) -> None:
    assert pick(study, f"best:val_accuracy where latency_ms<={DIGITS} and T<={DIGITS}").number == 2
