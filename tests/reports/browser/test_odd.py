"""Odd studies in the browser: the page does what it can, and says why it cannot do the rest."""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator

from benchmarks.made_study import made_study
from studies.export import main as export
from studies.model import Study
from studies.pareto import front
from studies.pick import pick
from studies.record import write_study
from tests.reports.conftest import SMALL, Opened, chosen, wait_for_marks
from tests.reports.studies_for_tests import ODD, real_study

Open = Callable[..., Opened]

STUDIES: dict[str, Callable[[], Study]] = {
    "0 trials": ODD["none"],
    "1 trial": ODD["one"],
    "2 trials": ODD["two"],
    "all failed": ODD["all_failed"],
    "all equal": ODD["all_equal"],
    "nan": ODD["nan"],
    "no objectives": ODD["no_objectives"],
    "1 objective": ODD["one_objective"],
    "5 objectives": ODD["five_objectives"],
    "all over the limit": ODD["all_over_the_limit"],
    "memory of the stopped": ODD["memory_of_the_stopped"],
    "20,000 trials": lambda: made_study(20_000, 3),
    "real": real_study,
}


QUICK = ("0 trials", "5 objectives")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in STUDIES]
)
def test_a_page_draws_links_answers_and_copies(
    name: str, open_report: Open, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    study = STUDIES[name]()
    opened = open_report(study, **SMALL)
    figures = opened.draw_all()
    for figure in figures:
        # of the figures that share a place one is seen, but all have their size
        assert opened.plot(figure, "plot.querySelector('.main-svg').getBoundingClientRect().width") > 200
    cards = opened.page.locator(".card p").all_inner_texts()
    assert all(card.strip() for card in cards)
    assert len(figures) + len(cards) > 8, "what is not drawn is a card"
    best = [trial.number for trial in front(study)]
    rows = opened.page.locator("#front-table tbody tr")
    assert sorted(int(n) for n in rows.evaluate_all("(all) => all.map((one) => one.dataset.trial)")) == best
    if best:
        links(opened, best, [figure for figure in figures if figure.startswith("front")])
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
        copies_a_command(opened, study, opened.page.locator("#front-table .copy").first)
    if opened.page.locator("#answer").count():
        assert len(best) > 0
        answers(opened, study)
        copies_a_config(opened, study)
    else:
        assert opened.page.locator("#budget .card").inner_text().strip()
    assert opened.errors == []


def links(opened: Opened, best: list[int], figures: list[str]) -> None:
    """A row of the table marks its trial in every figure of the front, and lets it go again."""
    row = opened.page.locator(f"#front-table tr[data-trial='{best[0]}']")
    row.locator("th").click()
    assert chosen(opened) == [best[0]]
    for figure in figures:
        wait_for_marks(opened, figure, [best[0]])
    opened.page.keyboard.press("Escape")
    assert chosen(opened) == []
    for figure in figures:
        wait_for_marks(opened, figure, [])


def set_sliders(opened: Opened, places: list[int]) -> None:
    opened.page.evaluate(
        """(places) => {
            const sliders = [...document.querySelectorAll("[data-limit]")];
            sliders.forEach((slider, i) => { slider.value = places[i]; });
            sliders[0]?.dispatchEvent(new Event("input"));
        }""",
        places,
    )


def answers(opened: Opened, study: Study) -> None:
    """Wherever the sliders stand, the answer is what the rule it shows picks, or that there is none."""
    n_steps = opened.page.evaluate("spikefront.budgets.limits.map(({steps}) => steps.length)")
    generator = random.Random(0)
    for _ in range(12 if n_steps else 1):
        set_sliders(opened, [generator.choice([n - 1, generator.randrange(n)]) for n in n_steps])
        if opened.page.locator("#answer .missed").is_visible():
            assert "The nearest is trial " in opened.page.locator("#answer .missed").inner_text()
            continue
        rule = shlex.split(opened.page.locator("#answer .export").inner_text())[5]
        heading = opened.page.locator("#answer h3").inner_text()
        assert f"trial {pick(study, rule).number}" in heading.lower()
    set_sliders(opened, [n - 1 for n in n_steps])


COPIED = "document.getElementById('announce').textContent === 'Copied'"


def copy(opened: Opened, button: Locator) -> str:
    """Press a button that copies; what the clipboard holds then."""
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.page.evaluate("document.getElementById('announce').textContent = ''")
    button.click()
    opened.page.wait_for_function(COPIED)
    text: str = opened.page.evaluate("navigator.clipboard.readText()")
    return text


def copies_a_command(opened: Opened, study: Study, button: Locator) -> None:
    """The copied command exports a trial."""
    words = shlex.split(copy(opened, button))
    assert words[:3] == ["python", "-m", "studies.export"]
    write_study(study, opened.path.parent)
    Path("best.yaml").unlink(missing_ok=True)
    assert export(words[3:]) == 0


def copies_a_config(opened: Opened, study: Study) -> None:
    """The copied config is the file that the copied command writes."""
    copies_a_command(opened, study, opened.page.locator("#answer .commands .copy").first)
    config = copy(opened, opened.page.locator("#answer .config .copy"))
    assert config == Path("best.yaml").read_text()
