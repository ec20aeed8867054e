"""Frames of how the search went: hypervolume over epochs and time, timeline, savings, stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import moocore
import numpy as np
import pytest

from reports.course.facts import facts
from reports.course.hypervolume import HypervolumeFrame, hypervolume_frame
from reports.course.hypervolume_figure import draw_hypervolume
from reports.course.savings import SavingsFrame, StopsFrame, savings_frame, stops_frame
from reports.course.savings_figure import draw_savings, draw_stops, epochs_words, reasons_html, seconds_words
from reports.course.timeline import MAX_BARS, TimelineFrame, timeline_frame
from reports.course.timeline_figure import draw_timeline, hover_values
from reports.data.digest import digest
from reports.format.study_time import PAUSE_S, Clock, study_clock, time_unit, working_spans
from reports.html.figure import Card
from reports.html.pause_marks import cut_marks, cuts_text
from studies.model import EpochRow, Study, Trial
from tests.reports.studies_for_tests import ACCURACY, ODD, START, digits_study, info, noisy_study, small

CONFIG = {"optim": {"epochs": 10}}


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def ran(number: int, start: float, end: float | None, worker: str | None = "7", **more: object) -> Trial:
    """A complete trial that ran from and to these seconds after START."""
    about = {"state": "complete", "epochs_trained": 10, "node": "a", **more}
    return Trial(
        number=number,
        config=CONFIG,
        params={},
        started_at=START + at(start),
        finished_at=None if end is None else START + at(end),
        worker=worker,
        **about,  # type: ignore[arg-type]
    )


def study_of(*trials: Trial, epochs: Sequence[EpochRow] = ()) -> Study:
    return Study(info((ACCURACY,)), trials, tuple(epochs))


def epochs_of(number: int, n: int, seconds: float) -> list[EpochRow]:
    return [EpochRow(number, epoch, 0.1, 1.0, 50.0, 50.0, seconds, 1.0, 0.0) for epoch in range(1, n + 1)]


def test_hypervolume_at_each_number_of_epochs_and_time_is_that_of_moocore() -> None:
    study = digits_study(30)
    frame = hypervolume_frame(digest(study))
    assert isinstance(frame, HypervolumeFrame)
    feasible = [t for t in study.trials if t.is_feasible]
    names = ("val_accuracy", "train_memory_mib", "latency_ms")
    points = np.array([[t.values[name] for name in names] for t in feasible]) * [-1, 1, 1]
    corner = points.max(axis=0) + 0.1 * np.ptp(points, axis=0)
    for epochs, seconds, volume in zip(frame.epochs, frame.seconds, frame.volume, strict=True):
        done = [
            t for t in study.trials if t.finished_at and (t.finished_at - START).total_seconds() <= seconds
        ]
        assert sum(t.epochs_trained for t in done) == epochs
        inside = np.array([t in done for t in feasible])
        expected = moocore.hypervolume(points[inside], ref=corner) if inside.any() else 0.0
        assert volume == pytest.approx(expected)
    assert any(t.state == "stopped" for t in study.trials), "so that their epochs are counted"
    choices = draw_hypervolume(frame).drawing["choices"]
    assert list(choices) == ["trials", "epochs", "time"]
    assert choices["epochs"]["data"][0]["x"] == frame.epochs
    assert choices["time"]["layout"]["xaxis"]["title"]["text"] == "Time since the start (min)"


def test_the_axes_of_hypervolume_are_those_that_were_recorded() -> None:
    study = ODD["two_objectives"]()
    frame = hypervolume_frame(digest(study))
    assert isinstance(frame, HypervolumeFrame)
    assert frame.seconds == []
    assert list(draw_hypervolume(frame).drawing["choices"]) == ["trials", "epochs"]
    none = replace(study, trials=tuple(replace(t, epochs_trained=0) for t in study.trials))
    frame = hypervolume_frame(digest(none))
    assert isinstance(frame, HypervolumeFrame)
    figure = draw_hypervolume(frame)
    assert list(figure.drawing["choices"]) == ["trials"]
    assert figure.aside == ""


def test_a_pause_is_cut_out_of_the_time() -> None:
    clock = study_clock(study_of(ran(0, 0, 100), ran(1, 50, 130), ran(2, 1130, 1200), ran(3, 1230, 1250)))
    assert clock is not None
    assert clock.pauses == ((130, 1130),)
    assert [clock.seconds(START + at(s)) for s in (0, 100, 130, 700, 1130, 1200)] == [
        0,
        100,
        130,
        130,
        130,
        200,
    ]
    assert clock.cuts == [(130, 1000)]
    assert cuts_text(clock.cuts).startswith("A pause of 16 min 40 s is cut out")
    marks = cut_marks(clock.cuts, 60.0)
    assert marks["shapes"][0]["x0"] == pytest.approx(130 / 60)
    assert marks["annotations"][0]["text"] == "pause of 16 min 40 s"
    many = cut_marks([(float(n), 100.0) for n in range(9)], 1.0)
    assert (len(many["shapes"]), many["annotations"]) == (9, [])
    short = study_of(ran(0, 0, 100), ran(1, 100 + PAUSE_S - 1, 300))
    assert study_clock(short) == Clock(START)
    assert study_clock(ODD["two"]()) is None


def test_two_pauses_and_a_time_between_them() -> None:
    clock = study_clock(study_of(ran(0, 0, 10), ran(1, 110, 120), ran(2, 320, 330)))
    assert clock is not None
    assert clock.cuts == [(10, 100), (20, 200)]
    assert clock.seconds(START + at(330)) == 30


@pytest.mark.parametrize("seconds", [1e300, -1e300, float("inf"), float("nan")])
def test_an_epoch_of_absurd_length_is_not_counted(seconds: float) -> None:
    """A damaged record: no time reaches that far."""
    endless = replace(ran(0, 0, 50), finished_at=None)
    epochs = epochs_of(0, 1, seconds) + epochs_of(0, 1, 20.0)
    assert working_spans(study_of(endless, epochs=epochs))[0] == (START, START + at(20))
    late = replace(endless, started_at=datetime.max.replace(tzinfo=UTC))
    assert working_spans(study_of(late, epochs=epochs_of(0, 1, 20.0)))[0] == (late.started_at,) * 2


def test_a_trial_begun_again_counts_its_epochs_up_to_its_end() -> None:
    again = ran(0, 0, 5000, attempts=2)
    study = study_of(again, ran(1, 0, 90), epochs=epochs_of(0, 10, 5.0))
    assert working_spans(study)[0] == (START + at(4950), START + at(5000))
    clock = study_clock(study)
    assert clock is not None
    assert clock.pauses == ((90, 4950),)
    alone = study_clock(study_of(again, epochs=epochs_of(0, 10, 5.0)))
    assert alone is not None
    assert alone.seconds(START + at(5000)) == 50, "the pause begins with the first start"


def test_times_have_units_that_suit_them() -> None:
    assert [time_unit(s)[0] for s in (0, 180, 181, 10_800, 10_801, 1e6)] == ["s", "s", "min", "min", "h", "h"]


def test_utilisation_of_a_timeline_made_by_hand() -> None:
    """Two workers over 100 s: one all the time with a second trial right behind, one for 40 s."""
    trials = [ran(0, 0, 60), ran(1, 60, 100), ran(2, 10, 50, worker="8")]
    frame = timeline_frame(digest(study_of(*trials, epochs=epochs_of(0, 10, 5.0))))
    assert isinstance(frame, TimelineFrame)
    assert (frame.slots, frame.elapsed_s, frame.rows) == (2, 100, ["worker 7", "worker 8"])
    assert frame.used_mean == pytest.approx(140 / 200)
    assert frame.trained_mean == pytest.approx(50 / 200)
    middles = [(a + b) / 2 for a, b in zip(frame.edges_s, frame.edges_s[1:], strict=False)]
    for middle, used in zip(middles, frame.used, strict=True):
        if all(abs(middle - edge) > 1 for edge in (10, 50)):
            assert used == pytest.approx(1.0 if 10 < middle < 50 else 0.5)
    assert np.mean(frame.used) == pytest.approx(frame.used_mean)
    assert [(bar.trial.number, bar.row, bar.start_s, bar.seconds) for bar in frame.bars] == [
        (0, 0, 0, 60),
        (2, 1, 10, 40),
        (1, 0, 60, 40),
    ]


def test_rows_are_slots_where_workers_are_not_known() -> None:
    trials = [ran(0, 0, 60, None), ran(1, 10, 20, None), ran(2, 20, 90, None), ran(3, 61, 70, None)]
    frame = timeline_frame(digest(study_of(*trials)))
    assert isinstance(frame, TimelineFrame)
    assert frame.rows == ["slot 1", "slot 2"]
    assert {bar.trial.number: bar.row for bar in frame.bars} == {0: 0, 1: 1, 2: 1, 3: 0}
    nodes = [ran(0, 0, 60), ran(1, 10, 20, node="b")]
    frame = timeline_frame(digest(study_of(*nodes)))
    assert isinstance(frame, TimelineFrame)
    assert frame.rows == ["a, worker 7", "b, worker 7"]


def test_a_pause_is_no_idle_time() -> None:
    frame = timeline_frame(digest(study_of(ran(0, 0, 50), ran(1, 1050, 1100))))
    assert isinstance(frame, TimelineFrame)
    assert (frame.elapsed_s, frame.used_mean) == (100, 1)
    assert "A pause of 16 min 40 s is cut out" in draw_timeline(frame).caption


def test_bars_are_drawn_by_state_and_say_what_they_are() -> None:
    frame = timeline_frame(digest(noisy_study()))
    assert isinstance(frame, TimelineFrame)
    figure = draw_timeline(frame)
    bars = [trace for trace in figure.drawing["data"] if trace["type"] == "bar"]
    assert [trace["name"] for trace in bars] == ["complete", "stopped early", "infeasible", "failed"]
    looks = {(str(t["marker"]["color"]["$colour"]), t["marker"]["pattern"]["shape"]) for t in bars}
    assert len(looks) == len(bars), "no two states look alike"
    assert sum(len(trace["x"]) for trace in bars) == len(noisy_study().trials)
    told = hover_values(
        ran(3, 0, 1, state="failed", reason="<b>disk</b> full"), 6.4, "worker 7", ["val_accuracy"]
    )
    assert told == [3, "6.40 s", "10 epochs on worker 7", "&lt;b&gt;disk&lt;/b&gt; full"]
    again = hover_values(ran(3, 0, 1, attempts=2, replicate_of=1), 61, "x", ["val_accuracy"])
    assert again[2] == "10 epochs on x, begun 2 times<br>trains trial 1 again with another seed"
    assert again[3] == "–", "a complete trial without a number for an objective"


def test_thousands_of_trials_are_drawn_as_utilisation_only() -> None:
    trials = [ran(n, n, n + 1.5, str(n % 2)) for n in range(MAX_BARS + 1)]
    frame = timeline_frame(digest(study_of(*trials)))
    assert isinstance(frame, TimelineFrame)
    assert frame.bars == []
    assert frame.n_trials == MAX_BARS + 1
    figure = draw_timeline(frame)
    assert [trace["type"] for trace in figure.drawing["data"]] == ["scatter"]
    assert "only the share of slots in use is drawn" in figure.caption


@pytest.mark.parametrize("name", ["none", "two", "all_failed"])
def test_no_times_are_a_card(name: str) -> None:
    card = timeline_frame(digest(ODD[name]()))
    assert isinstance(card, Card)
    assert card.why == "The record holds no times of the trials."


def test_trials_without_a_length_are_a_card() -> None:
    card = timeline_frame(digest(study_of(ran(0, 5, 5), ran(1, 5, None, state="running"))))
    assert isinstance(card, Card)
    assert "took any time" in card.why


def savings_by_hand() -> Study:
    limit = {"train_memory_mib": 0.5}
    trials = [
        ran(0, 0, 9),
        ran(1, 0, 9, state="stopped", epochs_trained=3, reason="dominated, place 4 of 9"),
        ran(2, 0, 9, state="stopped", epochs_trained=4, reason="dominated, place 5 of 9"),
        ran(3, 0, 9, state="infeasible", epochs_trained=0, constraints=limit, reason="memory 9 > 6"),
        ran(4, 0, 9, state="infeasible", epochs_trained=2, constraints=limit, reason="diverged"),
        ran(5, 0, 9, state="failed", epochs_trained=0, reason="disk full"),
        ran(6, 0, 9, state="infeasible", epochs_trained=0, reason="no layer fits"),
        ran(7, 0, None, state="running", epochs_trained=1),
    ]
    rows = [*epochs_of(0, 10, 2.0), *epochs_of(1, 3, 1.0), *epochs_of(2, 4, 0.5), *epochs_of(4, 2, 3.0)]
    return study_of(*trials, epochs=rows)


def test_savings_of_trials_made_by_hand() -> None:
    frame = savings_frame(digest(savings_by_hand()))
    assert isinstance(frame, SavingsFrame)
    told = {part.kind: (part.n_trials, part.epochs, part.left_out, part.n_untimed) for part in frame.parts}
    assert told == {
        "complete": (1, 10, 0, 0),
        "stopped": (2, 7, 13, 0),
        "refused": (1, 0, 10, 1),
        "broken": (3, 2, 28, 2),
    }
    assert (frame.epochs, frame.epochs_in_full, frame.n_unknown) == (19, 70, 0)
    stopped, broken = frame.part("stopped"), frame.part("broken")
    assert stopped is not None
    assert broken is not None
    assert (stopped.seconds, stopped.seconds_left_out) == (3 * 1.0 + 4 * 0.5, 7 * 1.0 + 6 * 0.5)
    assert (broken.seconds, broken.seconds_left_out) == (6.0, 24.0)
    assert stopped.reasons == [("dominated, place … of …", 2)]
    words = epochs_words(frame)
    assert "19 epochs trained, 27\u00a0% of the 70" in words
    assert "Early stopping left out 13 epochs of 2 trials." in words
    assert "Probing refused 1 config before the first epoch, which saved 10 epochs." in words
    assert seconds_words(frame) == (
        "The epochs took 31 s of training; at each trial's own seconds per epoch the rest would have taken "
        "10 s more, not counting 1 trial without an epoch, whose seconds are not known."
    )
    bars = draw_savings(frame).drawing["data"]
    assert [bar["x"] for bar in bars] == [[10, 7, 0, 2], [0, 13, 10, 28]]
    assert reasons_html(frame).count("<li>") == 5


def test_savings_of_odd_studies() -> None:
    empty = savings_frame(digest(ODD["none"]()))
    assert isinstance(empty, Card)
    assert empty.why == "No trial has finished."
    assert reasons_html(empty) == ""
    plain = [replace(trial, config={}) for trial in small([[90.0], [91.0]], (ACCURACY,)).trials]
    unknown = savings_frame(digest(Study(info((ACCURACY,)), tuple(plain))))
    assert isinstance(unknown, Card)
    assert "name no number of epochs" in unknown.why
    frame = savings_frame(digest(Study(info((ACCURACY,)), (plain[0], ran(1, 0, 9)))))
    assert isinstance(frame, SavingsFrame)
    assert frame.n_unknown == 1
    assert "Neither early stopping nor probing left anything out." in epochs_words(frame)
    assert seconds_words(frame) == ""
    assert reasons_html(frame) == ""


def test_stopped_trials_are_counted_by_the_epoch_they_reached() -> None:
    frame = stops_frame(savings_by_hand())
    assert frame == StopsFrame({3: 1, 4: 1}, 10)
    bars = draw_stops(frame).drawing["data"][0]  # type: ignore[arg-type]
    assert (bars["x"], bars["y"]) == ([3, 4], [1, 1])
    card = stops_frame(ODD["two"]())
    assert isinstance(card, Card)
    assert card.why == "No trial was stopped early."


def test_the_head_says_how_much_of_its_time_was_paused() -> None:
    told = dict(facts(digest(study_of(ran(0, 0, 100), ran(1, 257, 461)))))["Budget used"]
    assert told.endswith(", 7 min 41 s, of which 2 min 37 s paused")
    told = dict(facts(digest(study_of(ran(0, 0, 230), ran(1, 231, 461)))))["Budget used"]
    assert told.endswith(", 7 min 41 s")
