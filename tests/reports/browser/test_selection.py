"""Choosing trials in the browser: what one figure or table chooses, all of them mark."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from studies.model import Study
from tests.reports.conftest import PHONE, SMALL, Opened, chosen, wait_for_marks
from tests.reports.studies_for_tests import ODD, noisy_study

Open = Callable[..., Opened]


def place_of(opened: Opened, figure: str, number: int) -> tuple[float, float]:
    """Where a front trial stands on the screen, after scrolling to its figure."""
    opened.draw(figure)
    x, y = opened.plot(
        figure,
        f"""(() => {{
            const trace = plot.data.find((one) => one.name === "front");
            const place = trace.customdata.indexOf({number});
            const {{xaxis, yaxis}} = plot._fullLayout;
            const box = plot.getBoundingClientRect();
            return [box.left + xaxis._offset + xaxis.d2p(trace.x[place]),
                    box.top + yaxis._offset + yaxis.d2p(trace.y[place])];
        }})()""",
    )
    return float(x), float(y)


def test_a_click_on_a_point_marks_its_trial_everywhere(study: Study, open_report: Open) -> None:
    opened = open_report(study, webgl=True)
    opened.draw_all()
    numbers = opened.plot("front-2", "plot.data.find((one) => one.name === 'front').customdata")
    number = numbers[-1]
    opened.page.mouse.click(*place_of(opened, "front-2", number))
    opened.page.wait_for_selector("#chosen:not([hidden])")
    assert chosen(opened) == [number]
    for figure in ("front-1", "front-2", "front-3d"):
        wait_for_marks(opened, figure, [number])
    row = opened.page.locator(f"#front-table tr[data-trial='{number}']")
    assert row.get_attribute("aria-selected") == "true"
    assert opened.page.locator("#chosen .count").inner_text() == f"1 trial chosen: {number}"
    opened.page.keyboard.press("Escape")
    assert chosen(opened) == []
    wait_for_marks(opened, "front-3d", [])
    assert row.get_attribute("aria-selected") == "false"
    assert opened.page.locator("#chosen").is_hidden()
    assert opened.errors == []


IN_SPACE = """(() => {
    const {_scene: scene} = plot._fullLayout.scene;
    const {projection, view, model} = scene.glplot.cameraParams;
    const trace = plot.data.find((one) => one.name === "front");
    const {xaxis, yaxis, zaxis} = scene.fullSceneLayout;
    const times = (m, v) => [0, 1, 2, 3].map((i) => v.reduce((sum, part, j) => sum + m[4 * j + i] * part, 0));
    const box = scene.container.getBoundingClientRect();
    return trace.x.map((_, i) => {
        const place = [xaxis.d2l(trace.x[i]), yaxis.d2l(trace.y[i]), zaxis.d2l(trace.z[i])];
        const point = [...place.map((part, axis) => part * scene.dataScale[axis]), 1];
        const [x, y, , w] = times(projection, times(view, times(model, point)));
        return [box.left + (0.5 + x / w / 2) * box.width, box.top + (0.5 - y / w / 2) * box.height];
    });
})()"""


def test_a_click_in_space_chooses_once_and_a_turn_does_not(open_report: Open) -> None:
    opened = open_report(ODD["five_objectives"](), webgl=True, **SMALL)
    mouse = opened.page.mouse
    opened.draw("front-3d")
    x, y = max(opened.plot("front-3d", IN_SPACE), key=lambda place: place[0])
    mouse.move(x + 3, y + 3)
    mouse.move(x, y)
    opened.page.wait_for_selector("#tooltip:not([hidden])")
    mouse.down()
    opened.page.wait_for_timeout(300)
    mouse.up()
    opened.page.wait_for_selector("#chosen:not([hidden])")
    opened.page.wait_for_timeout(300)
    (number,) = chosen(opened)
    assert opened.page.locator("#tooltip h4").inner_text().startswith(f"Trial {number} ")
    mouse.down()
    mouse.move(x + 40, y, steps=4)
    mouse.up()
    opened.page.wait_for_timeout(300)
    assert chosen(opened) == [number]
    assert opened.errors == []


def test_rows_of_the_table_choose_by_mouse_and_keyboard(study: Study, open_report: Open) -> None:
    opened = open_report(study)
    rows = opened.page.locator("#front-table tbody tr")
    first, second = (int(rows.nth(place).get_attribute("data-trial") or -1) for place in (0, 1))
    opened.page.evaluate(
        "document.addEventListener('selection', (event) => { window.heard = event.detail; })"
    )
    rows.nth(1).locator("th").click()
    rows.nth(1).focus()
    opened.page.keyboard.press("ArrowUp")
    opened.page.keyboard.press("Enter")
    assert chosen(opened) == [second, first]
    assert opened.page.evaluate("window.heard") == [second, first]
    wait_for_marks(opened, "front-1", [second, first])
    opened.page.keyboard.press("Space")
    assert chosen(opened) == [second]
    rows.nth(1).locator(".copy").click()
    assert chosen(opened) == [second], "a button of a row does its own work alone"
    opened.page.locator("#chosen .clear").click()
    assert chosen(opened) == []
    assert opened.errors == []


def test_an_area_of_a_pair_chooses_the_trials_in_it(study: Study, open_report: Open) -> None:
    opened = open_report(study)
    opened.page.locator("[data-brush='front-1']").click()
    opened.page.wait_for_function(
        "document.querySelector(`[data-figure='front-1']`)._fullLayout.dragmode === 'select'"
    )
    opened.page.locator("[data-figure='front-1']").scroll_into_view_if_needed()
    left, top, right, bottom, *ranges = opened.plot(
        "front-1",
        """(() => {
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            const [x, y] = [xaxis._offset + 0.2 * xaxis._length, yaxis._offset + 0.1 * yaxis._length];
            const [u, v] = [x + 0.5 * xaxis._length, y + 0.5 * yaxis._length];
            const back = (axis, pixel) => axis.p2d(pixel - axis._offset);
            return [box.left + x, box.top + y, box.left + u, box.top + v,
                back(xaxis, x), back(xaxis, u), back(yaxis, v), back(yaxis, y)];
        })()""",
    )
    opened.page.mouse.move(left, top)
    opened.page.mouse.down()
    opened.page.mouse.move((left + right) / 2, (top + bottom) / 2)
    opened.page.mouse.move(right, bottom)
    opened.page.mouse.up()
    opened.page.wait_for_selector("#chosen:not([hidden])")
    inside = [
        trial.number
        for trial in study.trials
        if trial.values
        and trial.replicate_of is None
        and ranges[0] <= (trial.values["train_memory_mib"] or 0) <= ranges[1]
        and ranges[2] <= (trial.values["val_accuracy"] or 0) <= ranges[3]
    ]
    assert sorted(chosen(opened)) == inside
    assert len(inside) > 3
    wait_for_marks(opened, "front-1", chosen(opened))
    assert opened.errors == []


@pytest.mark.slow
def test_choosing_a_trial_keeps_the_zoom(study: Study, open_report: Open) -> None:
    opened = open_report(study)
    opened.page.locator("[data-figure='front-1']").scroll_into_view_if_needed()
    box = opened.page.locator("[data-figure='front-1'] .nsewdrag").bounding_box()
    assert box is not None
    opened.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"])
    opened.page.mouse.up()
    ranges = "[plot._fullLayout.xaxis.range, plot._fullLayout.yaxis.range]"
    opened.page.wait_for_function(
        "document.querySelector(`[data-figure='front-1']`)._fullLayout.yaxis.autorange === false"
    )
    zoomed = opened.plot("front-1", ranges)
    opened.page.evaluate("spikefront.selection.set([spikefront.budgets.answer([]).number])")
    wait_for_marks(opened, "front-1", chosen(opened))
    assert opened.plot("front-1", ranges) == zoomed
    assert opened.errors == []


@pytest.mark.slow
def test_a_tap_on_a_phone_chooses_and_leaves_the_view(open_report: Open) -> None:
    opened = open_report(noisy_study(), **PHONE)
    number = opened.plot("front-1", "plot.data.find((one) => one.name === 'front').customdata[0]")
    opened.plot("front-1", "plot.scrollIntoView({behavior: 'instant', block: 'center'})")
    view = "plot._fullLayout.yaxis.range"
    before = opened.plot("front-1", view)
    opened.page.touchscreen.tap(*place_of(opened, "front-1", number))
    opened.page.wait_for_selector("#chosen:not([hidden])")
    wait_for_marks(opened, "front-1", chosen(opened))
    opened.page.wait_for_timeout(400)
    assert chosen(opened) == [number]
    assert opened.plot("front-1", view) == before
    assert opened.errors == []
