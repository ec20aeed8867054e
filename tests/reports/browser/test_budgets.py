"""The sliders of budgets in the browser: the answer is the pick rule they show, and the file it exports."""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from studies.export import main as export
from studies.model import Study
from studies.pick import pick
from studies.record import write_study
from tests.reports.conftest import SMALL, Opened, chosen
from tests.reports.studies_for_tests import noisy_study, small

Open = Callable[..., Opened]


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
    study: Study, open_report: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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


@pytest.mark.slow
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
