"""The sections about params in the browser: brushing, the choice of an objective, figures without errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reports.data.columns import groups
from reports.data.digest import digest
from reports.format.quantities import with_unit
from tests.reports.conftest import PHONE, SMALL, Opened, chosen
from tests.reports.studies_for_tests import digits_study, real_study

Open = Callable[..., Opened]

KEPT = "document.querySelector('[data-kept]').textContent"
RANGES = "plot.data[0].dimensions.map((axis) => axis.constraintrange ?? null).filter((range) => range)"


@pytest.mark.slow
def test_the_figures_of_the_params_are_drawn_on_a_phone(open_report: Open) -> None:
    opened = open_report(digits_study(40), "?all", **PHONE)
    opened.draw_all()
    for name in ("dependence-1", "dependence-3", "pairs-1", "pairs-2", "method-1", "method-6"):
        assert opened.plot(name, "plot.querySelector('.main-svg').getBoundingClientRect().width") > 200, name
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.errors == []


@pytest.mark.slow  # tests/reports/params/test_dependence.py has their frame
def test_the_trials_that_only_a_probe_measured_are_drawn(open_report: Open) -> None:
    study = real_study()
    opened = open_report(study, "?all", **SMALL)
    opened.draw("dependence-1", "dependence-2")
    points = "plot.data.filter(({name}) => name === 'trials')[0].y"
    memory = [t.metrics["train_memory_mib"] for t in study.trials if t.replicate_of is None]
    assert sorted(opened.plot("dependence-2", points)) == pytest.approx(sorted(memory), rel=1e-5)
    stopped = next(t for t in study.trials if t.state == "stopped")
    point = "{points: [{customdata: %d, data: {hoverinfo: 'none'}}], event: {clientX: 9, clientY: 9}}"
    opened.plot("dependence-2", f"plot.emit('plotly_hover', {point % stopped.number})")
    told = opened.page.locator("#tooltip").inner_text()
    assert told.startswith(f"Trial {stopped.number} stopped early")
    assert with_unit("train_memory_mib", stopped.metrics["train_memory_mib"]) in told
    accuracy = [t.values["val_accuracy"] for t in digest(study).measured]
    assert sorted(opened.plot("dependence-1", points)) == pytest.approx(sorted(accuracy), rel=1e-5)
    assert opened.errors == []


def test_one_choice_of_an_objective_counts_for_all_stacks(open_report: Open) -> None:
    opened = open_report(digits_study(40), **SMALL)
    seen = """[...document.querySelectorAll(".stack > *")]
        .filter((one) => getComputedStyle(one).visibility === "visible")
        .map((one) => one.querySelector(".plot").dataset.figure)"""
    assert opened.page.evaluate(seen) == ["dependence-1", "pairs-1"]
    choice = opened.page.locator("#dependence select")
    choice.focus()
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("ArrowDown")
    assert opened.page.evaluate(seen) == ["dependence-3", "pairs-3"]
    assert opened.page.locator("#pairs select").input_value() == "2"
    assert opened.errors == []


def drag(opened: Opened, axis: int, start: float, end: float) -> None:
    """Drag along an axis of the parallel coordinates, between two shares of its height from the top."""
    opened.page.locator("[data-figure='parallel']").scroll_into_view_if_needed()
    place = opened.plot(
        "parallel",
        f"(({{x, y, width, height}}) => [x + width / 2, y, height])"
        f"(plot.querySelectorAll('.axis-brush')[{axis}].getBoundingClientRect())",
    )
    x, top, height = place
    opened.page.mouse.move(x, top + start * height)
    opened.page.mouse.down()
    for step in range(1, 6):
        opened.page.mouse.move(x, top + (start + (end - start) * step / 5) * height)
    opened.page.mouse.up()


@pytest.mark.slow  # the test below drags along an axis, too
def test_brushing_keeps_the_trials_of_a_range_and_letting_go_keeps_all(open_report: Open) -> None:
    study = digits_study(40)
    opened = open_report(study, webgl=True)
    opened.draw("parallel")
    axes = opened.plot("parallel", "plot.data[0].dimensions.map((axis) => axis.label)")
    drag(opened, axes.index("T"), 0.1, 0.55)
    opened.page.wait_for_function(f"{KEPT} !== ''")
    ranges = opened.plot("parallel", RANGES)
    assert len(ranges) == 1
    low, high = ranges[0]
    measured = digest(study).measured
    front = {trial.number for trial in digest(study).front}
    kept = [trial.number for trial in measured if low <= trial.params["T"] <= high]
    assert 0 < len(kept) < len(measured)
    n_front = len(front & set(kept))
    expected = f"{len(kept)} of {len(measured)} trials kept, {n_front} of them on the front"
    assert opened.page.evaluate(KEPT) == expected
    opened.page.emulate_media(color_scheme="dark")
    assert opened.plot("parallel", RANGES) == ranges, "new colours let nothing go"
    opened.page.locator("[data-release]").click()
    opened.page.wait_for_function(f"{KEPT} === ''")
    assert opened.plot("parallel", RANGES) == []
    assert opened.errors == []


def test_the_best_quarter_can_be_kept_by_keyboard(open_report: Open) -> None:
    study = digits_study(40)
    opened = open_report(study)
    choice = opened.page.locator("[data-keep]")
    choice.focus()
    opened.page.keyboard.press("ArrowDown")
    opened.page.wait_for_function(f"{KEPT} !== ''")
    accuracies = sorted(trial.values["val_accuracy"] for trial in digest(study).measured)
    worst_kept = accuracies[-(len(accuracies) // 4)]
    n_kept = sum(accuracy >= worst_kept for accuracy in accuracies)
    assert opened.page.evaluate(KEPT).startswith(f"{n_kept} of {len(accuracies)} trials kept")
    opened.page.keyboard.press("ArrowUp")
    opened.page.wait_for_function(f"{KEPT} === ''")
    assert opened.errors == []


def test_chosen_trials_have_their_colour_in_the_parallel_coordinates(open_report: Open) -> None:
    study = real_study()
    opened = open_report(study, webgl=True)
    opened.draw("front-1", "parallel")
    number = digest(study).front[2].number
    opened.page.locator(f"#front-table tr[data-trial='{number}'] th").click()
    colours = "plot.data[0].line.color"
    opened.page.wait_for_function(
        "(() => { const {line} = document.querySelector(`[data-figure='parallel']`).data[0];"
        " return line.color.includes(line.cmax); })()"
    )
    by_strength = groups(digest(study))["measured"]
    top = opened.plot("parallel", "plot.data[0].line.cmax")
    marked = [n for n, c in zip(by_strength, opened.plot("parallel", colours), strict=True) if c == top]
    assert marked == [number]
    scale = opened.plot("parallel", "plot.data[0].line.colorscale")
    selected = opened.plot("front-1", "plot.data.find((one) => one.name === 'selected').marker.color")
    assert scale[-1][1] == selected
    opened.page.keyboard.press("Escape")
    opened.page.wait_for_function(
        "(() => { const {line} = document.querySelector(`[data-figure='parallel']`).data[0];"
        " return !line.color.includes(line.cmax); })()"
    )
    axes = opened.plot("parallel", "plot.data[0].dimensions.map((axis) => axis.label)")
    drag(opened, axes.index("T"), 0.1, 0.55)
    opened.page.wait_for_selector("#chosen:not([hidden])")
    opened.page.wait_for_timeout(300)
    assert top not in opened.plot("parallel", colours), "what a brush keeps stands out already"
    ((low, high),) = opened.plot("parallel", RANGES)
    kept = [trial.number for trial in digest(study).measured if low <= trial.params["T"] <= high]
    assert sorted(chosen(opened)) == kept
    assert opened.errors == []
