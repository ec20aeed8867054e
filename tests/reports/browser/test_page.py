"""The page as a person meets it: in Chromium, with the network off."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from reports.format.quantities import Kind, number_text, with_unit
from studies.noise import near_front
from tests.reports.conftest import PHONE, SMALL, Opened
from tests.reports.studies_for_tests import ODD, digits_study, noisy_study, real_study

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
    *(f"method-{place}" for place in range(1, 7)),
    "curves",
    "heads",
    "layers",
    "steps",
    "exits",
]


def test_every_figure_is_drawn_without_an_error(digits: Opened) -> None:
    few = digits.page.locator("#method .card").count()
    assert few == (0 if digits.study is real_study() else 1), "a param that too few trials tried"
    names = [name for name in ALL_FIGURES if name != "method-3" or not few]
    assert digits.figures == names
    for name in names:
        assert digits.plot(name, "plot.querySelector('.main-svg').getBoundingClientRect().width") > 200, name
        assert digits.plot(name, "plot.textContent.includes('WebGL')") is False, name
    assert digits.errors == []


def test_the_first_figure_is_there_at_once_and_the_others_when_scrolled_to(open_report: Open) -> None:
    opened = open_report(digits_study(24))
    assert opened.plot("front-1", "plot.dataset.drawn") == "true"
    assert opened.plot("curves", "plot.dataset.drawn ?? null") is None
    opened.page.locator("[data-figure='curves']").scroll_into_view_if_needed()
    opened.page.wait_for_selector("[data-figure='curves'][data-drawn='true']", timeout=60_000)
    assert opened.errors == []


def test_figures_show_the_numbers_of_the_record(digits: Opened) -> None:
    study = digits.study
    complete = [t for t in study.trials if t.state == "complete" and t.replicate_of is None]
    values = {trial.number: trial.values for trial in complete}
    for figure, metric in (("front-1", "train_memory_mib"), ("front-2", "latency_ms")):
        traces = digits.plot(
            figure, "plot.data.map(({name, x, y, customdata}) => ({name, x, y, customdata}))"
        )
        shown = [trace for trace in traces if trace["name"] in ("front", "near", "dominated")]
        numbers = [number for trace in shown for number in trace["customdata"]]
        assert sorted(numbers) == list(values)
        for trace in shown:
            assert trace["x"] == [values[number][metric] for number in trace["customdata"]]
            assert trace["y"] == [values[number]["val_accuracy"] for number in trace["customdata"]]
    axes = digits.plot("parallel", "plot.data[0].dimensions.map(({label, values}) => ({label, values}))")
    last = next(axis for axis in axes if axis["label"].startswith("latency"))
    assert sorted(last["values"]) == sorted(v["latency_ms"] or 0 for v in values.values())


def test_curves_show_the_epochs_of_their_trial_and_can_be_hidden(digits: Opened) -> None:
    study = digits.study
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


def test_a_point_tells_its_number_params_and_metrics(digits: Opened) -> None:
    study = digits.study
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
    ties = [90.625, 12.25, 102.5, 9.995, 0.1235, 1.005, -90.625]
    values = [0.25, 18.5, 97.23, 999.4, 1234.6, 0.00123, -0.3, 12_570_000.7, True, None, *ties]
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


@pytest.mark.slow
def test_noise_and_quiet_measurements_are_on_the_page(open_report: Open) -> None:
    study = noisy_study()
    opened = open_report(study, "?all", **SMALL)
    opened.draw("front-1")
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


@pytest.mark.slow
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


@pytest.mark.slow
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
