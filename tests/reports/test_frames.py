"""Frames of hypervolume, parallel coordinates, curves, outcomes and table, and the page's columns."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import moocore
import numpy as np
import pytest

from reports.course.hypervolume import HypervolumeFrame, hypervolume_frame
from reports.course.hypervolume_figure import draw_hypervolume
from reports.course.outcomes import Outcome, by_state, outcomes, outcomes_html
from reports.data.axes import fenced
from reports.data.columns import columns, groups
from reports.data.digest import digest
from reports.data.epochs import curves
from reports.front.near import MOST_ROWS, near_html, near_rows
from reports.front.table import export_command, rows, table_html
from reports.html.figure import Card
from reports.params.parallel import ParallelFrame, parallel_frame
from reports.params.parallel_figure import draw_parallel
from reports.training.curves import MOST_DRAWN, CurvesFrame, curves_frame
from reports.training.curves_figure import draw_curves
from studies.model import EpochRow
from studies.noise import near_front
from studies.replicates import spreads
from tests.reports.studies_for_tests import ACCURACY, MEMORY, ODD, digits_study, noisy_study, small


def test_hypervolume_over_trials_is_that_of_moocore() -> None:
    study = digits_study(30)
    frame = hypervolume_frame(digest(study))
    assert isinstance(frame, HypervolumeFrame)
    points = np.array(
        [
            [-t.values["val_accuracy"], t.values["train_memory_mib"], t.values["latency_ms"]]
            for t in study.trials
            if t.is_feasible
        ]
    )
    corner = points.max(axis=0) + 0.1 * np.ptp(points, axis=0)
    expected, seen = [], 0
    for trial in study.trials:
        seen += trial.is_feasible
        expected.append(moocore.hypervolume(points[:seen], ref=corner) if seen else 0.0)
    np.testing.assert_allclose(frame.volume, expected)
    assert frame.share[-1] == 1
    assert frame.share[frame.n_nearly - 1] >= 0.9 > frame.share[frame.n_nearly - 2]
    np.testing.assert_allclose(list(frame.reference.values()), [-corner[0], *corner[1:]])
    rose = np.diff([0.0, *expected]) > 0
    assert frame.grew == rose.tolist()
    assert draw_hypervolume(frame).drawing["data"][1]["x"] == [i for i, up in enumerate(rose, 1) if up]


@pytest.mark.parametrize(
    ("name", "why"), [("none", "nothing is enclosed"), ("one", "is zero"), ("all_equal", "is zero")]
)
def test_no_hypervolume_is_a_card(name: str, why: str) -> None:
    card = hypervolume_frame(digest(ODD[name]()))
    assert isinstance(card, Card)
    assert why in card.why


def test_parallel_axes_place_every_setting() -> None:
    study = digits_study(50)
    found = digest(study)
    frame = parallel_frame(found)
    assert isinstance(frame, ParallelFrame)
    data = columns(found)
    shown = {trial.number for trial in found.measured}
    assert frame.n_trials == len(shown)
    for axis in frame.axes:
        for number, value in zip(data["number"], data[axis.column], strict=True):
            if number not in shown:
                continue
            place = axis.missing if value is None else axis.codes[value] if axis.codes else value
            place = math.log10(place) if axis.is_log and value is not None else place
            assert place is not None, f"trial {number} has no place on {axis.column}"
            assert axis.span[0] - 1e-9 <= place <= axis.span[1] + 1e-9
    mode = next(axis for axis in frame.axes if axis.label == "mode")
    assert [text for _, text in mode.ticks] == ["none", "supervised", "reliable", "strong2weak"]
    alpha = next(axis for axis in frame.axes if axis.label == "alpha")
    assert alpha.is_log
    assert alpha.ticks[0] == (alpha.missing, "–")


def test_parallel_leaves_out_params_that_never_varied() -> None:
    study = small(
        [[90.0], [91.0]], (ACCURACY,), lambda number: {"T": 4, "gradient": ["rate", "bptt"][number]}
    )
    frame = parallel_frame(digest(study))
    assert isinstance(frame, ParallelFrame)
    assert [axis.label for axis in frame.axes] == ["gradient", "validation accuracy (%)"]
    assert "T" in frame.constant
    assert "the same in all of these trials: T" in draw_parallel(frame).caption
    card = parallel_frame(digest(ODD["one"]()))
    assert isinstance(card, Card)
    assert "this study has 1" in card.why


def test_one_failed_training_does_not_wash_out_the_colours() -> None:
    assert fenced([10.0, 95, 96, 97, 98, 99], ACCURACY) == (95 - 1.5 * 3, 99)
    assert fenced([1.0, 2, 3, 4, 5, 500], MEMORY) == (1, 5 + 1.5 * 3)
    assert fenced([5.0, 5.0], MEMORY) == (5, 5)


def test_curves_follow_the_epochs() -> None:
    study = digits_study(30)
    found = digest(study)
    frame = curves_frame(found)
    assert isinstance(frame, CurvesFrame)
    assert frame.panels == ["val_accuracy", "train_loss", "reliable_share"]
    assert frame.front == [trial.number for trial in found.front]
    assert sorted([*frame.front, *frame.others]) == sorted({row.number for row in study.epochs})
    assert groups(found)["others"] == frame.others
    table = curves(found)
    assert table["number"] == sorted(table["number"])
    row = next(row for row in study.epochs if row.reliable_share)
    place = list(zip(table["number"], table["epoch"], strict=True)).index((row.number, row.epoch))
    assert table["val_accuracy"][place] == pytest.approx(row.val_accuracy, rel=1e-5)
    assert table["reliable_share"][place] == pytest.approx(np.mean(row.reliable_share), rel=1e-5)
    traces = draw_curves(frame).drawing["data"]
    assert len(traces) == len(frame.panels) * (2 + len(frame.front))


def test_of_a_large_front_only_the_best_have_curves_of_their_own() -> None:
    rows = [[90.0 - 0.1 * n, 100.0 - n] for n in range(80)]
    study = small(rows, (ACCURACY, MEMORY))
    epochs = tuple(EpochRow(n, 1, 0.1, 1.0, 50.0, 50.0, 1.0, 1.0, 0.0) for n in range(80))
    frame = curves_frame(digest(replace(study, epochs=epochs)))
    assert isinstance(frame, CurvesFrame)
    assert frame.front == list(range(MOST_DRAWN))
    figure = draw_curves(frame)
    assert f"{80 - MOST_DRAWN} more front trials beyond the first {MOST_DRAWN}" in figure.caption
    assert sum(isinstance(trace.get("meta"), int) for trace in figure.drawing["data"]) == 2 * MOST_DRAWN


def test_curves_of_odd_studies() -> None:
    card = curves_frame(digest(ODD["no_epochs"]()))
    assert isinstance(card, Card)
    assert card.why == "No epoch was recorded."
    row = EpochRow(0, 1, 0.1, math.nan, 10.0, 10.0, 1.0, math.nan, 0.0)
    frame = curves_frame(digest(replace(ODD["all_failed"](), epochs=(row,))))
    assert isinstance(frame, CurvesFrame)
    assert (frame.front, frame.others, frame.loss_span) == ([], [0], None)
    assert frame.panels == ["val_accuracy", "train_loss"]


def test_reasons_are_counted_with_varying_numbers_masked() -> None:
    study = small([[90.0, 1.0]] * 8, (ACCURACY, MEMORY))
    states = [
        ("failed", "RuntimeError: worker 3 died"),
        ("failed", "RuntimeError: worker 12 died"),
        ("failed", None),
        ("stopped", "dominated at epoch 3"),
        ("stopped", "dominated at epoch 3"),
        ("running", None),
    ]
    trials = [
        replace(trial, state=state, reason=reason)  # type: ignore[arg-type]
        for trial, (state, reason) in zip(study.trials, states, strict=False)
    ]
    trials.append(replace(study.trials[6], constraints={"latency_ms": 0.2}))
    trials.append(replace(study.trials[7], values={"val_accuracy": math.nan, "train_memory_mib": None}))
    found = replace(study, trials=tuple(trials))
    assert outcomes(found) == [
        Outcome("complete", "no number for validation accuracy, training memory", 1),
        Outcome("complete", "outside the limit on latency", 1),
        Outcome("stopped", "dominated at epoch 3", 2),
        Outcome("failed", "RuntimeError: worker … died", 2),
        Outcome("failed", "no reason recorded", 1),
        Outcome("running", "not finished when this page was made", 1),
    ]
    assert by_state(found) == {"complete": 2, "stopped": 2, "failed": 3, "running": 1}
    assert "8 trials are not in these figures" in outcomes_html(found)
    assert outcomes_html(ODD["two"]()) == ""


def test_every_reason_of_many_is_accounted_for() -> None:
    study = small([[90.0]] * 40, (ACCURACY,))
    failed = [replace(t, state="failed", reason="x" * (t.number + 1)) for t in study.trials]
    html = outcomes_html(replace(study, trials=tuple(failed)))
    assert html.count("<li>") == 13
    assert "28 more trials for other reasons" in html


def test_rows_of_the_table_and_their_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = digest(digits_study(40))
    table = rows(found, Path("runs/my study"))
    assert [row.number for row in table] == [trial.number for trial in found.front]
    assert [row.is_knee for row in table].count(True) == 1
    assert table[0].command == (
        f"python -m studies.export 'runs/my study' --pick trial:{table[0].number} --out best.yaml"
    )
    assert export_command(tmp_path / "runs" / "x", 3).split()[3] == "runs/x"
    assert export_command(Path("/elsewhere/x"), 3).split()[3] == "/elsewhere/x"


def test_a_latency_measured_under_load_is_marked() -> None:
    study = small([[90.0, 1.0, 2.0], [95.0, 3.0, 4.0]])
    loaded = replace(study.trials[1], metrics={"latency_under_load": True})
    found = digest(replace(study, trials=(study.trials[0], loaded)))
    table = rows(found, Path("x"))
    assert [row.under_load for row in table] == [("latency_ms",), ()]
    assert table_html(found, table).count("†") == 2, "one mark and one note"


def test_the_table_tells_spreads_over_seeds_and_quiet_measurements() -> None:
    study = noisy_study()
    found = digest(study)
    table = rows(found, Path("x"))
    known = spreads(study)
    for row in table:
        trial = study.trials[row.number]
        accuracy = known[row.number]["val_accuracy"]
        assert row.values["val_accuracy"] == trial.values["val_accuracy"], "the value stays the recorded one"
        assert row.below["val_accuracy"] == (f"{accuracy.mean:.2f} ± {accuracy.sd:.2f} (n = 3)",)
        assert row.below["train_memory_mib"] == ()
        assert row.below["latency_ms"][1].startswith(f"quiet {trial.metrics['latency_ms_quiet']:.3f}"[:9])
        assert row.again == {"train_step_ms": trial.metrics["train_step_ms"]}
    html = table_html(found, table)
    assert html.count("(n = 3)") == len(table)
    assert "± " not in html
    first = min(row.number for row in table)
    assert f"The search&#x27;s latency of trial {first} was disturbed" in html
    assert "would not be on the front." in html
    plain = digest(digits_study())
    assert "quiet" not in table_html(plain, rows(plain, Path("x")))


def test_a_quiet_measurement_under_load_is_marked_and_the_note_says_so() -> None:
    study = noisy_study()
    assert "with nothing else running;" in table_html(digest(study), rows(digest(study), Path("x")))
    busy = [
        replace(trial, metrics={**trial.metrics, "latency_quiet_under_load": True}) for trial in study.trials
    ]
    found = digest(replace(study, trials=tuple(busy)))
    html = table_html(found, rows(found, Path("x")))
    assert all("†" in row.below["latency_ms"][-1] for row in rows(found, Path("x")))
    assert "where marked †, the machine was busy then with something else;" in html
    assert "is doubtful: the machine was busy" in html
    for wrong in ("nothing else running", "would not be on the front", "the knee would be"):
        assert wrong not in html


def test_the_near_trials_have_a_table() -> None:
    study = noisy_study()
    found = digest(study)
    near = near_rows(found)
    accuracies = [row.values["val_accuracy"] for row in near]
    assert accuracies == sorted(accuracies, reverse=True)
    assert {row.number for row in near} == {one.trial.number for one in near_front(study)}
    html = near_html(found)
    assert html.count("data-trial") == MOST_ROWS
    assert f"{len(near) - MOST_ROWS} more trials in the figures." in html
    assert f"{len(near)} dominated trials are within the noise of the front" in html
    assert "validation accuracy sd " in html
    assert near_html(digest(ODD["two"]())) == near_html(digest(ODD["no_objectives"]())) == ""


def test_one_near_trial_and_none() -> None:
    study = small([[90.0, 10.0], [89.9, 10.0]], (ACCURACY, MEMORY))
    again = replace(
        study.trials[0], number=2, replicate_of=0, values={"val_accuracy": 90.4, "train_memory_mib": 10.0}
    )
    told = near_html(digest(replace(study, trials=(*study.trials, again))))
    assert "1 dominated trial is within the noise of the front" in told
    assert "<td>validation accuracy</td>" in told
    alone = replace(study, trials=(study.trials[0], again))
    assert "No dominated trial is within the noise of the front. Noise: validation" in near_html(
        digest(alone)
    )


def test_columns_hold_scalars_of_all_trials() -> None:
    study = digits_study(20)
    found = columns(digest(study))
    assert {len(column) for column in found.values()} == {20}
    assert "metric.accuracy_at_t" not in found
    assert found["value.latency_ms"] == [trial.values.get("latency_ms") for trial in study.trials]
    assert found["param.T"] == [trial.params["T"] for trial in study.trials]
