"""The page of a comparison in Chromium, with the network off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports.compare.build import main
from reports.compare.front_figure import MARKS
from studies.model import Study
from studies.record import write_study
from tests.reports.browser.test_page import contrast
from tests.reports.conftest import DESKTOP, PHONE, SMALL, WAIT_MS, Opened
from tests.reports.studies_for_tests import ODD, digits_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Open = Callable[..., Opened]


@pytest.fixture
def open_comparison(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens the comparison of studies until the end of the test."""
    with ExitStack() as stack:

        def opened(*studies: Study, **options: Any) -> Opened:
            runs = [str(tmp_path / f"run-{place}") for place in range(len(studies))]
            for run, study in zip(runs, studies, strict=True):
                write_study(study, run)
            path = tmp_path / "compare.html"
            assert main([*runs, "--out", str(path)]) == 0
            context = stack.enter_context(closing(browser.new_context(**(DESKTOP | options))))
            context.set_offline(True)
            found = Opened(context.new_page(), path)
            found.watch()
            found.page.goto(path.as_uri())
            found.page.wait_for_selector("html[data-ready='true']", timeout=WAIT_MS)
            return found

        yield opened


def called(study: Study, name: str) -> Study:
    return replace(study, info=replace(study.info, name=name))


def test_every_figure_is_drawn_and_a_study_can_be_hidden_in_all(open_comparison: Open) -> None:
    opened = open_comparison(called(digits_study(30, 1), "one"), called(digits_study(30, 2), "two"))
    assert opened.draw_all() == ["pair-1", "pair-2", "pair-3", "growth-trials", "growth-epochs"]
    seen = "plot.data.filter((trace) => trace.visible !== false).map((trace) => trace.meta)"
    for name in ("pair-1", "growth-epochs"):
        assert opened.plot(name, seen) == [0, 0, 1, 1]
    button = opened.page.locator(".switch").nth(1)
    button.focus()
    opened.page.keyboard.press("Enter")
    for name in ("pair-1", "growth-epochs"):
        assert opened.plot(name, seen) == [0, 0]
    assert button.get_attribute("aria-pressed") == "false"
    assert opened.errors == []


@pytest.mark.slow
def test_a_point_tells_its_study(open_comparison: Open) -> None:
    opened = open_comparison(called(digits_study(30, 1), "one"), called(digits_study(30, 2), "two"))
    opened.plot("pair-1", "Plotly.Fx.hover(plot, [{curveNumber: 3, pointNumber: 0}])")
    text = opened.page.locator("[data-figure='pair-1'] .hoverlayer").text_content() or ""
    assert text.startswith("two, trial ")
    assert "validation accuracy" in text
    assert opened.errors == []


@pytest.mark.slow
def test_eight_studies_are_told_apart_in_both_palettes(open_comparison: Open) -> None:
    studies = [called(digits_study(12, seed), f"study {seed}") for seed in range(8)]
    opened = open_comparison(*studies, **SMALL)
    opened.draw_all()
    for scheme, ground in (("light", "rgba(255,255,255,1)"), ("dark", "rgba(23,29,36,1)")):
        opened.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        opened.page.wait_for_function(
            "(ground) => document.querySelector('.plot')._fullLayout.paper_bgcolor === ground",
            arg=ground,
        )
        tokens = [
            opened.page.evaluate(
                "(name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()",
                f"--study-{place}",
            )
            for place in range(1, 9)
        ]
        assert len(set(tokens)) == 8
        paper = "#ffffff" if scheme == "light" else "#171d24"
        assert min(contrast(token, paper) for token in tokens) >= 4.5
    shapes = opened.plot(
        "pair-1",
        "plot.data.filter((one) => one.mode === 'markers')"
        ".map((one) => one.marker.symbol[0].split('-open')[0])",
    )
    assert len(set(shapes)) == 8
    assert opened.page.locator(".switch .mark").all_inner_texts() == list(MARKS)
    assert opened.errors == []


SLOW = ("none", "one", "all_failed", "one_objective")


@pytest.mark.parametrize(
    "name", ["five_objectives", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_odd_studies_make_no_error(name: str, open_comparison: Open) -> None:
    opened = open_comparison(ODD[name](), called(ODD[name](), "other"), **SMALL)
    opened.draw_all()
    cards = opened.page.locator(".card p").all_inner_texts()
    assert all(card.strip() for card in cards)
    assert opened.errors == []


def test_hostile_names_harm_nobody(open_comparison: Open) -> None:
    bad = ODD["hostile"]()
    opened = open_comparison(bad, called(bad, "<img src=x onerror=alert(3)>"), **SMALL)
    opened.draw_all()
    assert (
        opened.page.locator("h1").inner_text() == "<script>alert(1)</script> and <img src=x onerror=alert(3)>"
    )
    assert opened.page.locator("main img, header img").count() == 0
    assert opened.errors == []


@pytest.mark.slow
def test_it_fits_a_phone(open_comparison: Open) -> None:
    long = "a-name-that-goes-on-and-on-and-is-far-wider-than-any-phone-could-ever-be"
    opened = open_comparison(called(digits_study(20, 1), long), called(digits_study(20, 2), "two"), **PHONE)
    opened.draw_all()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    assert opened.errors == []
