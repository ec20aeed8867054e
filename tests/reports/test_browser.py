"""The page as a person meets it: in Chromium, with the network off."""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from reports.names import Kind, number_text, with_unit
from studies.export import main as export
from studies.noise import near_front
from studies.pick import pick
from studies.record import write_study
from tests.reports.conftest import PHONE, SMALL, Opened
from tests.reports.studies_for_tests import ODD, digits_study, noisy_study, small

Open = Callable[..., Opened]

ALL_FIGURES = [
    "front-1",
    "front-2",
    "front-3d",
    "hypervolume",
    "timeline",
    "savings",
    "stops",
    "parallel",
    "importance-1",
    "importance-2",
    "importance-3",
    *(f"{kind}-{place}" for kind in ("dependence", "pairs") for place in (1, 2, 3)),
    *(f"method-{place}" for place in (1, 2, 4, 5, 6)),
    "curves",
    "heads",
    "layers",
    "steps",
    "exits",
]


def test_every_figure_is_drawn_without_an_error(digits: Opened) -> None:
    assert digits.figures == ALL_FIGURES
    for name in ALL_FIGURES:
        assert digits.plot(name, "plot.querySelector('.main-svg').getBoundingClientRect().width") > 200, name
        assert digits.plot(name, "plot.textContent.includes('WebGL')") is False, name
    assert digits.errors == []


@pytest.mark.parametrize(
    "name", sorted(set(ODD) - {"hostile", "no_epochs", "noisy", "some_nan", "two_objectives"})
)
def test_odd_studies_make_no_error(name: str, open_report: Open) -> None:
    opened = open_report(ODD[name](), "?all", **SMALL)
    drawn = opened.draw_all()
    cards = opened.page.locator(".card p").all_inner_texts()
    assert drawn or cards
    assert all(card.strip() for card in cards)
    assert opened.errors == []


def test_the_first_figure_is_there_at_once_and_the_others_when_scrolled_to(open_report: Open) -> None:
    opened = open_report(digits_study(24))
    assert opened.plot("front-1", "plot.dataset.drawn") == "true"
    assert opened.plot("curves", "plot.dataset.drawn ?? null") is None
    opened.page.locator("[data-figure='curves']").scroll_into_view_if_needed()
    opened.page.wait_for_selector("[data-figure='curves'][data-drawn='true']", timeout=60_000)
    assert opened.errors == []


def test_numbers_of_the_table_are_those_of_the_parquet_file(digits: Opened) -> None:
    folder = digits.path.parent
    write_study(digits_study(40), folder)
    record = {row["number"]: row for row in pq.read_table(folder / "trials.parquet").to_pylist()}
    cells = digits.page.evaluate(
        """[...document.querySelectorAll("#front-table tbody tr")].map((row) => Object.fromEntries(
            [...row.querySelectorAll("[data-column]")].map((cell) =>
                [cell.dataset.column, cell.dataset.value ?? null])))"""
    )
    assert len(cells) > 3
    for row in cells:
        stored = record[int(row["number"])]
        for column, text in row.items():
            expected = stored[column]
            if expected is None or isinstance(expected, str):
                assert text == expected, column
            else:
                assert float(text) == expected, column
    values = [
        (-row["value.val_accuracy"], row["value.train_memory_mib"], row["value.latency_ms"])
        for row in record.values()
        if row["state"] == "complete" and row["constraint.train_memory_mib"] <= 0
    ]
    front = [v for v in values if not any(o != v and all(a <= b for a, b in zip(o, v)) for o in values)]  # noqa: B905
    assert sorted(float(row["value.latency_ms"]) for row in cells) == sorted(v[2] for v in front)


def test_figures_show_the_numbers_of_the_record(digits: Opened) -> None:
    study = digits_study(40)
    values = {trial.number: trial.values for trial in study.trials}
    for figure, metric in (("front-1", "train_memory_mib"), ("front-2", "latency_ms")):
        traces = digits.plot(
            figure, "plot.data.map(({name, x, y, customdata}) => ({name, x, y, customdata}))"
        )
        shown = [trace for trace in traces if trace["name"] in ("front", "near", "dominated")]
        numbers = [number for trace in shown for number in trace["customdata"]]
        assert sorted(numbers) == [t.number for t in study.trials if t.state == "complete"]
        for trace in shown:
            assert trace["x"] == [values[number][metric] for number in trace["customdata"]]
            assert trace["y"] == [values[number]["val_accuracy"] for number in trace["customdata"]]
    axes = digits.plot("parallel", "plot.data[0].dimensions.map(({label, values}) => ({label, values}))")
    last = next(axis for axis in axes if axis["label"].startswith("latency"))
    assert sorted(last["values"]) == sorted(v["latency_ms"] for v in values.values() if v)


def test_curves_show_the_epochs_of_their_trial_and_can_be_hidden(digits: Opened) -> None:
    study = digits_study(40)
    button = digits.page.locator(".switch").first
    number = int(button.get_attribute("data-trial") or -1)
    curve = "plot.data.filter((trace) => trace.meta === {}).map(({{y, visible}}) => ({{y, visible}}))"
    accuracy = digits.plot("curves", curve.format(number))[0]["y"]
    expected = [row.val_accuracy for row in study.epochs if row.number == number]
    assert accuracy[-1] is None, "a gap follows each trial"
    assert accuracy[:-1] == pytest.approx(expected, rel=1e-5)
    button.focus()
    digits.page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    assert {trace["visible"] for trace in digits.plot("curves", curve.format(number))} == {False}
    digits.page.keyboard.press("Enter")
    assert {trace.get("visible") for trace in digits.plot("curves", curve.format(number))} == {None}
    assert digits.errors == []


def test_a_point_tells_its_number_knobs_and_metrics(digits: Opened) -> None:
    study = digits_study(40)
    digits.page.locator("[data-figure='front-2']").scroll_into_view_if_needed()
    number = int(digits.page.locator("#front-table tbody tr").first.get_attribute("data-trial") or -1)
    place = digits.plot(
        "front-2",
        """(() => {
            const trace = plot.data.find((one) => one.name === "front");
            const {xaxis, yaxis} = plot._fullLayout;
            return [xaxis._offset + xaxis.d2p(trace.x[0]), yaxis._offset + yaxis.d2p(trace.y[0])];
        })()""",
    )
    digits.page.locator("[data-figure='front-2']").hover(position={"x": place[0], "y": place[1]})
    digits.page.wait_for_selector("#tooltip:not([hidden])")
    text = digits.page.locator("#tooltip").inner_text()
    trial = study.trials[number]
    assert text.startswith(f"Trial {number} ")
    for name in ("val_accuracy", "train_memory_mib", "latency_ms", "firing_rate", "macs"):
        assert with_unit(name, trial.metrics[name]) in text
    for name, value in trial.params.items():
        assert name.rsplit(".", 1)[-1] in text
        assert (value if isinstance(value, str) else number_text(value)) in text
    digits.page.keyboard.press("Escape")
    assert digits.page.locator("#tooltip").is_hidden()


def test_the_page_and_python_write_numbers_alike(digits: Opened) -> None:
    values = [0.25, 18.5, 97.23, 999.4, 1234.6, 0.00123, -0.3, 12_570_000.7, True, None]
    whole = [0, 1, 4_000, 16_000, 12_570_000]
    code = "([values, kind]) => values.map((value) => spikefront.numberText(value, kind))"
    kinds: tuple[Kind, ...] = ("number", "measure", "percent", "count")
    for kind in kinds:
        # JavaScript has one type of number; Python's measures are floats, its settings may be whole.
        same = [*values, *(map(float, whole) if kind == "measure" else whole)]
        assert digits.page.evaluate(code, [same, kind]) == [number_text(value, kind) for value in same]


def test_copy_gives_the_exact_command(digits: Opened) -> None:
    digits.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row = digits.page.locator("#front-table tbody tr").nth(1)
    row.locator(".copy").click()
    digits.page.wait_for_function("document.getElementById('announce').textContent === 'Copied'")
    command = digits.page.evaluate("navigator.clipboard.readText()")
    assert row.locator("code").inner_text() == command
    folder, number = digits.path.parent, row.get_attribute("data-trial")
    assert command == f"python -m studies.export {folder} --pick trial:{number} --out best.yaml"


def test_a_hostile_study_harms_nobody(open_report: Open) -> None:
    opened = open_report(ODD["hostile"](), "?all", **SMALL)
    opened.draw_all()
    assert opened.page.locator("h1").inner_text() == "<script>alert(1)</script>"
    assert opened.page.title().startswith("<script>alert(1)</script>")
    assert opened.page.locator("img").count() == 0
    assert opened.page.locator("script").count() == 3
    assert "<img src=x onerror=alert(2)>" in opened.page.locator("header").inner_text()
    assert opened.errors == []


def test_noise_and_quiet_measurements_are_on_the_page(open_report: Open) -> None:
    study = noisy_study()
    opened = open_report(study, "?all", **SMALL)
    opened.draw_all()
    near = [one.trial.number for one in near_front(study)]
    marks = opened.plot("front-1", "plot.data.find((one) => one.name === 'near').customdata")
    assert marks == near
    rows = opened.page.locator("#near-table tbody tr").count()
    assert 0 < rows <= len(near)
    assert "± " in opened.page.locator("#front-table").inner_text()
    assert "would not be on the front" in opened.page.locator("#table").inner_text()
    best = int(opened.page.locator("#front-table tbody tr").first.get_attribute("data-trial") or -1)
    point = "{points: [{customdata: %d, data: {hoverinfo: 'none'}}], event: {clientX: 9, clientY: 9}}"
    for number, told in ((best, "over seeds"), (near[0], "dominated, within the noise of the front")):
        opened.plot("front-1", f"plot.emit('plotly_hover', {point % number})")
        assert told in opened.page.locator("#tooltip").inner_text()
    assert opened.errors == []


def test_a_far_trial_is_shown_on_demand(open_report: Open) -> None:
    study = noisy_study()
    bad = study.trials[59]
    assert bad.values["val_accuracy"] == 11.0
    opened = open_report(study)
    lowest = "plot._fullLayout.yaxis.range[0]"
    assert opened.plot("front-1", lowest) > 50
    button = opened.page.locator("[data-whole='front-1']")
    button.focus()
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_function(
        "document.querySelector(`[data-figure='front-1']`)._fullLayout.yaxis.range[0] < 11"
    )
    assert button.get_attribute("aria-pressed") == "true"
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_function(
        "document.querySelector(`[data-figure='front-1']`)._fullLayout.yaxis.range[0] > 50"
    )
    assert opened.errors == []


def test_the_page_fits_a_phone(open_report: Open) -> None:
    opened = open_report(digits_study(24), "?all", **PHONE)
    opened.draw_all()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    wide = opened.plot("parallel", "[plot.clientWidth, plot.parentElement.clientWidth]")
    assert wide[0] > wide[1], "parallel coordinates scroll in their own box"
    assert opened.errors == []


def test_figures_follow_the_colours_of_the_system(open_report: Open) -> None:
    opened = open_report(ODD["two_objectives"](), color_scheme="light")
    colour = "plot._fullLayout.paper_bgcolor"
    assert opened.plot("front-1", colour) == "rgba(255,255,255,1)"
    opened.page.emulate_media(color_scheme="dark")
    opened.page.wait_for_function(
        "document.querySelector(`[data-figure='front-1']`)._fullLayout.paper_bgcolor === 'rgba(23,29,36,1)'"
    )
    ink = opened.page.evaluate("getComputedStyle(document.body).color")
    assert min(int(part) for part in re.findall(r"\d+", ink)) > 200
    opened.page.emulate_media(media="print")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.plot("front-1", colour) == "rgba(255,255,255,1)"
    opened.draw_all()
    assert opened.errors == []


def test_text_is_easy_to_read_in_both_palettes(open_report: Open) -> None:
    """Contrast of text and marks with their ground, as WCAG 2.1 counts it; 4.5 is what text needs."""
    opened = open_report(ODD["one"]())
    for scheme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        tokens = {
            name: opened.page.evaluate(
                "(name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()",
                f"--{name}",
            )
            for name in ("paper", "page", "ink", "quiet", "front", "knee", "selected")
        }
        for name, least in {"ink": 7, "quiet": 4.5, "front": 4.5, "knee": 4.5, "selected": 4.5}.items():
            for ground in ("paper", "page"):
                assert contrast(tokens[name], tokens[ground]) >= least, (scheme, name, ground)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_everything_that_acts_can_be_reached_by_keyboard(open_report: Open) -> None:
    opened = open_report(ODD["two_objectives"]())
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the front"
    unnamed = opened.page.evaluate(
        """[...document.querySelectorAll("a, button, [role=img], [role=region], nav")].filter(
            (one) => !(one.getAttribute("aria-label") || one.textContent.trim())).length"""
    )
    assert unnamed == 0
    assert opened.page.evaluate(
        "[...document.querySelectorAll('.scroll')].every((box) => box.tabIndex === 0)"
    )


def place_of(opened: Opened, figure: str, number: int) -> tuple[float, float]:
    """Where a front trial stands on the screen, after scrolling to its figure."""
    opened.page.locator(f"[data-figure='{figure}']").scroll_into_view_if_needed()
    opened.page.wait_for_selector(f"[data-figure='{figure}'][data-drawn='true']")
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


def chosen(opened: Opened) -> list[int]:
    numbers: list[int] = opened.page.evaluate("spikefront.selection.numbers")
    return numbers


def wait_for_marks(opened: Opened, figure: str, numbers: list[int]) -> None:
    opened.page.wait_for_function(
        """([figure, numbers]) => {
            const {data} = document.querySelector(`[data-figure='${figure}']`);
            return String(data.find((one) => one.name === "selected").customdata) === String(numbers);
        }""",
        arg=[figure, numbers],
    )


def test_a_click_on_a_point_marks_its_trial_everywhere(open_report: Open) -> None:
    opened = open_report(digits_study(40))
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
    opened = open_report(ODD["five_objectives"](), **SMALL)
    mouse = opened.page.mouse
    opened.page.locator("[data-figure='front-3d']").scroll_into_view_if_needed()
    opened.page.wait_for_selector("[data-figure='front-3d'][data-drawn='true']")
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


def test_rows_of_the_table_choose_by_mouse_and_keyboard(open_report: Open) -> None:
    opened = open_report(digits_study(40))
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


def test_an_area_of_a_pair_chooses_the_trials_in_it(open_report: Open) -> None:
    study = digits_study(40)
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
        and ranges[0] <= (trial.values["train_memory_mib"] or 0) <= ranges[1]
        and ranges[2] <= (trial.values["val_accuracy"] or 0) <= ranges[3]
    ]
    assert sorted(chosen(opened)) == inside
    assert len(inside) > 3
    wait_for_marks(opened, "front-1", chosen(opened))
    assert opened.errors == []


def test_choosing_a_trial_keeps_the_zoom(open_report: Open) -> None:
    opened = open_report(digits_study(40))
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


def set_slider(opened: Opened, name: str, place: int) -> None:
    opened.page.evaluate(
        """([name, place]) => {
            const slider = document.querySelector(`[data-limit='${name}']`);
            slider.value = place;
            slider.dispatchEvent(new Event("input"));
        }""",
        [name, place],
    )


def test_budgets_answer_as_the_pick_rule_they_show(open_report: Open) -> None:
    study = noisy_study()
    opened = open_report(study, **SMALL)
    names = opened.page.evaluate("spikefront.budgets.limits.map(({name}) => name)")
    assert names == ["train_memory_mib", "latency_ms", "infer_memory_mib", "n_parameters"]
    n_steps = opened.page.evaluate("spikefront.budgets.limits.map(({steps}) => steps.length)")
    generator = random.Random(1)
    asked = [[generator.choice([n - 1, generator.randrange(n)]) for n in n_steps] for _ in range(120)]
    told = opened.page.evaluate(
        """(asked) => asked.map((places) => {
            const sliders = [...document.querySelectorAll("[data-limit]")];
            sliders.forEach((slider, i) => { slider.value = places[i]; });
            sliders[0].dispatchEvent(new Event("input"));
            const part = (selector) => document.querySelector(`#answer ${selector}`);
            const missed = part(".found").hidden ? part(".missed").textContent : null;
            return [part("h3").textContent, part(".export").textContent, missed];
        })""",
        asked,
    )
    answered = 0
    for heading, command, missed in told:
        if missed is not None:
            assert heading == "No trial keeps all budgets"
            assert "The nearest is trial " in missed
            continue
        answered += 1
        rule = re.search(r'--pick "(.*)" --out best.yaml$', command)
        number = re.search(r"\d+", heading)
        assert rule is not None
        assert number is not None
        assert int(number[0]) == pick(study, rule[1]).number
    assert 30 < answered < 120
    assert opened.errors == []


def test_sliders_move_by_mouse_and_keyboard_and_the_config_is_the_exported_file(
    open_report: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = digits_study(40)
    opened = open_report(study)
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    slider = opened.page.locator("[data-limit='latency_ms']")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    opened.page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    slider.press("ArrowLeft")
    told = opened.page.locator("#budget-latency_ms-told").inner_text()
    assert told.startswith("at most ")
    assert slider.get_attribute("aria-valuetext") == told
    command = opened.page.locator("#answer .export").inner_text()
    write_study(study, opened.path.parent)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "studies.export"]
    assert export(words[3:]) == 0
    opened.page.locator("#answer .config .copy").click()
    opened.page.wait_for_function("document.getElementById('announce').textContent === 'Copied'")
    assert opened.page.evaluate("navigator.clipboard.readText()") == (elsewhere / "best.yaml").read_text()
    opened.page.locator("#answer .commands .copy").first.click()
    opened.page.wait_for_function(f"navigator.clipboard.readText().then((text) => text === {command!r})")
    value = opened.page.evaluate("spikefront.budgets.limits[1].values")
    faded = opened.plot("front-2", "plot.data.find((one) => one.name === 'front').selectedpoints.length")
    n_front = opened.plot("front-2", "plot.data.find((one) => one.name === 'front').x.length")
    assert 0 < faded < n_front < len(value)
    opened.page.locator("#answer .choose").click()
    assert chosen(opened) == [pick(study, words[5]).number]
    opened.page.locator("#no-limits").click()
    assert opened.page.locator("#answer h3").inner_text().startswith("Without a budget, trial ")
    assert opened.errors == []


def test_budgets_that_nothing_keeps_say_which_one_and_by_how_much(open_report: Open) -> None:
    rows = [[90.0, 10.0, 3.0], [95.0, 20.0, 2.0], [99.0, 40.0, 1.5]]
    opened = open_report(small(rows), **SMALL)
    set_slider(opened, "train_memory_mib", 0)
    set_slider(opened, "latency_ms", 1)
    told = opened.page.locator("#answer .missed p").all_inner_texts()
    assert [text.replace("\u00a0", " ") for text in told] == [
        "It is the budget on training memory that leaves nothing: without it, trial 2 is the best, "
        "with 99.00 % of validation accuracy.",
        "It is the budget on latency that leaves nothing: without it, trial 0 is the best, "
        "with 90.00 % of validation accuracy.",
        "The nearest is trial 0: latency 3.00 ms, 1.00 ms above the budget.",
    ]
    assert opened.page.locator("#answer .found").is_hidden()
    assert opened.errors == []
