"""Comparing studies: the frame against a few independent lines, the ground it stands on, the command."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import pytest

from reports.compare.build import compare, entrants_of, lines, main
from reports.compare.differences import Difference, differences
from reports.compare.frame import CompareFrame, Stretch, compare_frame, out_of_reach, stretches
from reports.compare.front import front_frame, pairs
from reports.compare.front_figure import draw_fronts
from reports.compare.ground import MOST, Entrant, ground, with_references
from reports.compare.growth import growth_frame
from reports.compare.growth_figure import draw_growth
from reports.compare.page import compare_page, sentences
from reports.compare.tables import demand_text
from reports.html.figure import Card
from studies.errors import StudyError
from studies.model import Objective, Study
from studies.record import write_study
from tests.reports.html.test_markup import Reader
from tests.reports.studies_for_tests import ACCURACY, LATENCY, MEMORY, ODD, digits_study, small

SIGNS = np.array([-1.0, 1.0, 1.0])


def named(study: Study, name: str) -> Study:
    return replace(study, info=replace(study.info, name=name))


def entrants(*studies: Study) -> list[Entrant]:
    return [Entrant("abcdefghijkl"[place], study) for place, study in enumerate(studies)]


def framed(*studies: Study) -> CompareFrame:
    found = entrants(*studies)
    return compare_frame(found, ground(found))


def losses(study: Study) -> np.ndarray[Any, Any]:
    """The measured trials in three objectives, less is better, by number."""
    names = ("val_accuracy", "train_memory_mib", "latency_ms")
    return SIGNS * np.array([[t.values[name] for name in names] for t in study.trials if t.is_feasible])


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


def undominated(points: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    return [tuple(p) for p in points if not any(dominates(other, p) for other in points)]


@pytest.fixture(scope="module")
def three() -> CompareFrame:
    return framed(*(digits_study(40, seed) for seed in (1, 2, 3)))


def test_hypervolumes_are_taken_from_one_point(three: CompareFrame) -> None:
    sides = [losses(digits_study(40, seed)) for seed in (1, 2, 3)]
    pooled = np.vstack(sides)
    corner = pooled.max(axis=0) + 0.1 * (pooled.max(axis=0) - pooled.min(axis=0))
    assert list((three.reference or {}).values()) == pytest.approx(SIGNS * corner)
    for member, side in zip(three.members, sides, strict=True):
        assert member.hypervolume == pytest.approx(moocore.hypervolume(side, ref=corner))
        assert member.curve[-1] == member.hypervolume
        assert member.curve == sorted(member.curve)
    assert three.total == pytest.approx(moocore.hypervolume(pooled, ref=corner))


def test_the_common_front_and_coverage_are_those_of_brute_force(three: CompareFrame) -> None:
    sides = [losses(digits_study(40, seed)) for seed in (1, 2, 3)]
    common = undominated(np.vstack(sides).tolist())
    shown = [
        tuple(SIGNS * [place.trial.values[own.name] for own in three.objectives]) for place in three.common
    ]
    assert sorted(shown) == sorted(common)
    assert [p[0] for p in shown] == sorted(p[0] for p in shown), "best first objective first"
    for place, side in enumerate(sides):
        own = undominated(side.tolist())
        assert len(three.members[place].front) == len(own)
        assert three.members[place].n_common == sum(point in set(common) for point in own)
        for other, theirs in enumerate(sides):
            if other == place:
                assert three.coverage[place][other] is None
                continue
            front = undominated(theirs.tolist())
            covered = sum(any(p == q or dominates(p, q) for p in own) for q in front)
            assert three.coverage[place][other] == pytest.approx(covered / len(front))


def test_the_order_of_studies_changes_nothing_but_the_order() -> None:
    one, other = digits_study(30, 1), digits_study(30, 2)
    forth, back = framed(one, other), framed(other, one)
    assert [member.hypervolume for member in forth.members] == [
        member.hypervolume for member in reversed(back.members)
    ]
    assert forth.coverage[0][1] == back.coverage[1][0]
    assert forth.total == back.total


def test_a_study_covers_its_copy_and_shares_its_front() -> None:
    frame = framed(digits_study(30), named(digits_study(30), "copy"))
    assert frame.coverage == [[None, 1.0], [1.0, None]]
    assert frame.members[0].n_common == frame.members[1].n_common == len(frame.members[0].front)
    assert len(frame.common) == 2 * frame.members[0].n_common
    for other in frame.objectives[1:]:
        assert [part.leaders for part in stretches(frame, frame.objectives[0], other)] == [(0, 1)]


@pytest.mark.parametrize("first", [ACCURACY, MEMORY])
def test_stretches_name_the_best_offer_for_every_demand(three: CompareFrame, first: Objective) -> None:
    sides = [losses(digits_study(40, seed)) for seed in (1, 2, 3)]
    names = [own.name for own in three.objectives]
    index, sign = names.index(first.name), SIGNS[names.index(first.name)]
    found = stretches(three, first, LATENCY)
    demands = sorted(np.vstack(sides)[:, index])
    midway = [(a + b) / 2 for a, b in itertools.pairwise(demands)]
    for demand in [*demands, *midway, demands[-1] + 1]:
        offers = [min((p[2] for p in side if p[index] <= demand), default=math.inf) for side in sides]
        leaders = tuple(i for i, offer in enumerate(offers) if offer == min(offers))
        holding = [
            part
            for part in found
            if sign * part.strict <= demand and (part.lax is None or demand < sign * part.lax)
        ]
        assert [part.leaders for part in holding] == [leaders], demand
        assert [offer is None for offer in holding[0].offers] == [offer == math.inf for offer in offers]
    assert found[0].strict == sign * demands[0]
    assert found[-1].lax is None


def test_demands_in_words() -> None:
    strict, last = Stretch(99.0, 95.5, (0,), (1.0,)), Stretch(95.5, None, (0,), (1.0,))
    assert demand_text(ACCURACY, strict).replace("\u00a0", " ") == "over 95.50 % up to 99.00 %"
    assert demand_text(ACCURACY, last).replace("\u00a0", " ") == "up to 95.50 %"
    assert demand_text(MEMORY, Stretch(2.0, 3.0, (), ())).startswith("from 2.00")
    assert demand_text(MEMORY, Stretch(2.0, None, (), ())).endswith("on")


def test_a_reference_can_be_given_and_studies_may_bring_their_own() -> None:
    one, other = (
        small([[90.0, 10.0], [95.0, 20.0]], (ACCURACY, MEMORY)),
        small([[92.0, 12.0]], (ACCURACY, MEMORY)),
    )
    found = entrants(one, other)
    frame = compare_frame(
        found, with_references(ground(found), {"train_memory_mib": 30.0, "val_accuracy": 80.0})
    )
    assert [member.hypervolume for member in frame.members] == [10 * 20 + 5 * 10, 12 * 18]
    own = replace(one, info=replace(one.info, objectives=(ACCURACY, replace(MEMORY, reference=50.0))))
    assert (framed(own, other).reference or {})["train_memory_mib"] == 50.0
    with pytest.raises(StudyError, match=r"--reference train_memory: .*did you mean 'train_memory_mib'"):
        with_references(ground(found), {"train_memory": 1.0})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"train_memory_mib": 30.0}, None),
        ({"train_memory_mib": 10.0}, ["train_memory_mib"]),
        ({"train_memory_mib": -1.0, "val_accuracy": 99.0}, ["val_accuracy", "train_memory_mib"]),
        ({"train_memory_mib": 11.0, "val_accuracy": 94.0}, []),
    ],
)
def test_a_reference_that_nothing_lies_within_is_told(
    given: dict[str, float], expected: list[str] | None
) -> None:
    one, other = (
        small([[90.0, 10.0], [95.0, 20.0]], (ACCURACY, MEMORY)),
        small([[92.0, 12.0]], (ACCURACY, MEMORY)),
    )
    found = with_references(ground(entrants(one, other)), given)
    frame = compare_frame(entrants(one, other), found)
    assert out_of_reach(frame) == expected
    told = "nothing lies within the reference: no trial is better than "
    assert [told in line for line in lines(found, frame)].count(True) == (expected is not None)
    assert any(told[1:] in str(sentence) for sentence in sentences(frame)) == (expected is not None)
    if expected == []:
        assert f"note: {told}the reference point in all objectives, so all hypervolumes are 0" in lines(
            found, frame
        )


def test_the_command_says_that_nothing_lies_within_a_reference(
    recorded: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = recorded(digits_study(20, 1), named(digits_study(20, 2), "other"))
    assert main([*runs, "--out", str(tmp_path / "page.html"), "--reference", "latency_ms=-1"]) == 0
    told = "no trial is better than latency_ms -1.00 ms, so all hypervolumes are 0"
    assert told in " ".join(capsys.readouterr().out.split())
    page = (tmp_path / "page.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "Nothing lies within the reference: no trial is better than latency -1.00 ms, so all" in page
    none = small([], (ACCURACY,))
    assert out_of_reach(framed(none, none)) is None


def test_epochs_of_all_finished_trials_are_added_up() -> None:
    study = digits_study(20)
    member = framed(study, digits_study(20, 1)).members[0]
    order = sorted((t for t in study.trials if t.state != "running"), key=lambda t: (t.finished_at, t.number))
    assert member.epochs == list(itertools.accumulate(t.epochs_trained for t in order))
    assert len(member.curve) == len(order)


def with_config(study: Study, **changes: Any) -> Study:
    """The study with config fields of all trials changed, dots written as two underscores."""
    trials = []
    for trial in study.trials:
        config = {key: dict(item) if isinstance(item, dict) else item for key, item in trial.config.items()}
        for field, value in changes.items():
            section, _, last = field.partition("__")
            config.setdefault(section, {})[last] = value
        trials.append(replace(trial, config=config))
    return replace(study, trials=tuple(trials))


def on_device(study: Study, device: str) -> Study:
    return replace(study, trials=tuple(replace(trial, device=device) for trial in study.trials))


def test_other_data_are_refused() -> None:
    study = digits_study(12)
    plain = with_config(study, data__events="none")
    for change in ({"data__name": "cifar10"}, {"data__val_fraction": 0.2}, {"data__events": "saccades"}):
        field = re.escape(next(iter(change)).replace("__", "."))
        with pytest.raises(StudyError, match=f"saw different data.*\\n  {field}:\\n    a: "):
            ground(entrants(plain, with_config(plain, **change)))
    folders = [with_config(study, data__name="folder", data__root=root) for root in ("here", "there")]
    with pytest.raises(StudyError, match=r"data\.root"):
        ground(entrants(*folders))
    assert ground(entrants(study, with_config(study, data__root="elsewhere"))).warnings == ()


def test_other_device_models_leave_out_what_holds_on_one() -> None:
    study = digits_study(24)
    found = ground(entrants(on_device(study, "cpu: A"), on_device(study, "cuda: <B>")))
    assert [own.name for own in found.objectives] == ["val_accuracy"]
    assert [own.name for own in found.left_out] == ["train_memory_mib", "latency_ms"]
    assert "one device model only: a cpu: A; b cuda: <B>" in found.left_out[1].why
    costs = small([[1.0, 2.0]], (MEMORY, LATENCY))
    with pytest.raises(StudyError, match=r"share no objective that can be compared\n  train_memory_mib: "):
        ground(entrants(on_device(costs, "cpu: A"), on_device(costs, "cpu: B")))


def test_latencies_at_unlike_batch_sizes_are_left_out() -> None:
    study = digits_study(12)
    sides = [with_config(study, measure__batch_size=size, measure__threads=1) for size in (1, 8)]
    found = ground(entrants(*sides))
    assert [(own.name, "batch_size: a 1; b 8" in own.why) for own in found.left_out] == [("latency_ms", True)]


def test_exits_at_unlike_confidences_are_left_out() -> None:
    study = small([[90.0, 1.5], [95.0, 2.5]], (ACCURACY, Objective("exit_steps", "minimize")))
    sides = [with_config(study, measure__exit_confidence=confidence) for confidence in (0.8, 0.9)]
    found = ground(entrants(*sides))
    assert [(own.name, "exit_confidence: a 0.8; b 0.9" in own.why) for own in found.left_out] == [
        ("exit_steps", True)
    ]


def test_unlike_budgets_of_training_are_told() -> None:
    study = digits_study(12)
    (warning,) = ground(entrants(study, with_config(study, optim__epochs=30))).warnings
    assert "(optim.epochs): a 12; b 30." in warning
    limited = ground(entrants(study, with_config(study, data__train_limit=500))).warnings
    assert "(data.train_limit): a null; b 500." in limited[0]
    running = replace(study, trials=(*study.trials, replace(study.trials[0], number=99, state="running")))
    assert "b has not ended" in ground(entrants(study, running)).warnings[0]


def test_other_validation_splits_under_one_name_are_told() -> None:
    study = digits_study(20)
    known = [with_metrics(study, n_val_samples=n, val_largest_class_share=20.0) for n in (65, 80)]
    assert ground(entrants(known[0], known[0])).warnings == ()
    assert ground(entrants(study, known[0])).warnings == ()  # a record of before does not tell
    (warning,) = ground(entrants(*known)).warnings
    assert "a 65 samples, largest class 20.00 %; b 80 samples, largest class 20.00 %" in warning
    found = entrants(*known)
    text = compare_page(found, ground(found), compare_frame(found, ground(found)))
    assert "validated on 80 samples, largest class 20.00 %" in text


def with_metrics(study: Study, **metrics: float) -> Study:
    return replace(study, trials=tuple(replace(t, metrics={**t.metrics, **metrics}) for t in study.trials))


def test_objectives_that_are_not_shared_are_named() -> None:
    two = small([[90.0, 3.0]], (ACCURACY, MEMORY))
    turned = small([[90.0, 3.0, 1.0]], (ACCURACY, replace(MEMORY, direction="maximize"), LATENCY))
    found = ground(entrants(two, turned))
    assert [own.name for own in found.objectives] == ["val_accuracy"]
    assert [(own.name, own.why) for own in found.left_out] == [
        ("train_memory_mib", "its direction differs: a minimize; b maximize"),
        ("latency_ms", "a does not have it as an objective"),
    ]


def test_what_differs_is_told_and_what_is_the_same_counted() -> None:
    study = digits_study(6)
    space = {
        **study.info.space,
        "base": {**study.info.space["base"], "optim": {"epochs": 12, "momentum": 0.5}},
        "search": {**study.info.space["search"], "T": {"int": [1, 4]}},
        "sampler": {"name": "tpe", "seed": 7},
    }
    info = replace(study.info, space=space, versions={**study.info.versions, "torch": "2.14.0"}, name="other")
    found = differences(entrants(study, replace(study, info=info)))
    assert found.rows == (
        Difference("search.T", ("int [1, 8]", "int [1, 4]")),
        Difference("sampler.name", ("auto", "tpe")),
        Difference("version of torch", ("2.13.0", "2.14.0")),
        Difference("base.optim.momentum", ("–", "0.5")),
    )
    same = differences(entrants(study, named(study, "other")))
    assert same.rows == ()
    assert same.n_same == found.n_same + 3


def test_figures_hold_the_fronts(three: CompareFrame) -> None:
    assert [(x.name, y.name) for x, y in pairs(three.objectives)] == [
        ("train_memory_mib", "val_accuracy"),
        ("latency_ms", "val_accuracy"),
        ("latency_ms", "train_memory_mib"),
    ]
    found = front_frame(three, LATENCY, ACCURACY)
    assert not isinstance(found, Card)
    traces = draw_fronts(found, three, "pair-2").drawing["data"]
    for place, member in enumerate(three.members):
        lines, marks = [trace for trace in traces if trace["meta"] == place]
        assert sorted(marks["x"]) == sorted(trial.values["latency_ms"] for trial in member.front)
        is_open = [symbol.endswith("-open") for symbol in marks["marker"]["symbol"]]
        assert is_open.count(False) == member.n_common
        assert lines["x"] == sorted(lines["x"])
    growth = growth_frame(three, "epochs")
    assert not isinstance(growth, Card)
    ends = [trace["x"][-1] for trace in draw_growth(growth).drawing["data"] if trace["mode"] == "lines"]
    assert ends == [member.epochs[-1] for member in three.members]


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes studies into folders run-0, run-1, ...; their paths."""

    def write(*studies: Study) -> list[str]:
        for place, study in enumerate(studies):
            write_study(study, tmp_path / f"run-{place}")
        return [str(tmp_path / f"run-{place}") for place in range(len(studies))]

    return write


ODD_PAIRS = [name for name in ODD if name not in ("no_objectives", "hostile")]


@pytest.mark.parametrize("name", ODD_PAIRS)
def test_every_study_can_be_compared_with_itself(name: str, recorded: Callable[..., list[str]]) -> None:
    study = ODD[name]()
    text = compare(recorded(study, named(study, "copy")))
    assert text.rstrip().endswith("</html>")
    assert "{{" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_a_hostile_study_is_text(recorded: Callable[..., list[str]]) -> None:
    study = ODD["hostile"]()
    read = Reader(compare(recorded(study, named(digits_study(8), study.info.name + "&"))))
    assert [name for name, _ in read.elements].count("script") == 3
    assert not [name for name, _ in read.elements if name in ("img", "iframe", "object", "link")]


def test_the_command_writes_a_page_and_a_table(
    recorded: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = recorded(digits_study(20, 1), named(digits_study(20, 2), "other"))
    out = tmp_path / "new" / "page.html"
    assert main([*runs, "--out", str(out), "--reference", "latency_ms=20"]) == 0
    printed = capsys.readouterr().out
    assert printed.rstrip().endswith("page.html")
    assert "other" in printed
    assert "latency_ms 20.0 ms" in printed
    assert out.read_text(encoding="utf-8").count("<h2") == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: runs[:1], "takes 2 to 8 studies, got 1"),
        (lambda runs: [runs[0], runs[0] + "/../run-0"], "given twice"),
        (lambda runs: [*runs, "--reference", "latency_ms=much"], "--reference: got 'latency_ms=much'"),
        (lambda runs: [*runs, "--reference", "speed=1"], "--reference speed: not among"),
        (lambda runs: [runs[0], runs[1] + "-not-there"], "no such folder"),
        (lambda runs: [*runs, "--out", "/proc/none/compare.html"], "/proc/none"),
    ],
)
def test_bad_input_is_one_block(
    change: Callable[[list[str]], list[str]],
    message: str,
    recorded: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = recorded(digits_study(6), named(digits_study(6, 1), "other"))
    monkeypatch.chdir(tmp_path)
    assert main(change(runs)) == 2
    told = capsys.readouterr()
    assert told.err.startswith("no comparison: ")
    assert message in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "compare.html").exists()


def test_names_are_folders_where_studies_share_them(recorded: Callable[..., list[str]]) -> None:
    runs = recorded(digits_study(4), digits_study(4, 1), named(digits_study(4, 2), "other"))
    assert [one.name for one in entrants_of(runs)] == [*runs[:2], "other"]


def test_more_than_eight_are_refused() -> None:
    with pytest.raises(StudyError, match=f"2 to {MOST} studies, got 9; .*colours and shapes"):
        ground(entrants(*[digits_study(2)] * 9))
