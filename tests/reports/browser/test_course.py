"""How the search went and how networks learned, in Chromium with the network off."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from pathlib import Path

import pytest

from reports.data.digest import digest
from reports.data.epochs import listed
from studies.model import Study
from studies.pareto import finishing_order
from tests.reports.conftest import PHONE, SMALL, Opened
from tests.reports.studies_for_tests import START, digits_study

Open = Callable[..., Opened]

FIGURES = ["hypervolume", "timeline", "savings", "stops", "curves", "heads", "layers", "steps", "exits"]


def on_two_nodes() -> Study:
    """A study on four workers, stopped after 100 s and resumed ten minutes later."""
    trials = []
    for trial in digits_study(40).trials:
        start = 30.0 * (trial.number // 4) + 600 * (trial.number >= 16)
        times = {
            "started_at": START + timedelta(seconds=start),
            "finished_at": START + timedelta(seconds=start + 25),
        }
        slot = trial.number % 4
        trials.append(replace(trial, **times, worker=str(4000 + slot), node=f"<i>node-{slot // 2}</i>"))
    return replace(digits_study(40), trials=tuple(trials))


def test_the_figures_are_drawn(digits: Opened) -> None:
    for name in FIGURES:
        assert digits.plot(name, "plot.querySelector('.main-svg').getBoundingClientRect().width") > 200, name
    wide = digits.page.evaluate("document.querySelector('main').clientWidth") / 2
    for name in ("hypervolume", "timeline", "curves"):
        assert digits.plot(name, "plot.getBoundingClientRect().width") > wide, name
    assert digits.errors == []


def test_the_axis_of_hypervolume_is_chosen_by_keyboard(digits: Opened) -> None:
    study = digits.study
    ended = finishing_order(study)
    epochs = list(accumulate(trial.epochs_trained for trial in ended))
    start = study.info.started_at
    assert start is not None
    seconds = [(trial.finished_at - start).total_seconds() for trial in ended if trial.finished_at]
    button = digits.page.locator("[data-of='hypervolume'][data-choice='epochs']")
    digits.page.locator("[data-of='hypervolume'][data-choice='trials']").focus()
    digits.page.keyboard.press("Tab")
    assert button.evaluate("(button) => button === document.activeElement")
    digits.page.keyboard.press("Enter")
    assert digits.plot("hypervolume", "plot.data[0].x") == epochs
    assert digits.plot("hypervolume", "plot.layout.xaxis.title.text") == "Epochs spent"
    pressed = "[...document.querySelectorAll(`[data-of='hypervolume']`)].map((one) => one.ariaPressed)"
    assert digits.page.evaluate(pressed) == ["false", "true", "false"]
    digits.page.keyboard.press("Tab")
    digits.page.keyboard.press("Space")
    title = digits.plot("hypervolume", "plot.layout.xaxis.title.text")
    size = {"Time since the start (s)": 1, "Time since the start (min)": 60}[title]
    times = [second / size for second in seconds]
    assert digits.plot("hypervolume", "plot.data[0].x") == pytest.approx(times, rel=1e-4)
    grew = digits.plot("hypervolume", "[plot.data[1].x, plot.data[1].customdata]")
    when = {trial.number: time for trial, time in zip(ended, times, strict=True)}
    assert grew[0] == pytest.approx([when[number] for number in grew[1]], rel=1e-4)
    digits.page.locator("[data-of='hypervolume'][data-choice='trials']").click()
    assert digits.plot("hypervolume", "plot.data[0].x") == list(range(1, len(ended) + 1))
    assert digits.errors == []


def test_bars_tell_what_their_trial_was(open_report: Open) -> None:
    study = on_two_nodes()
    opened = open_report(study, **SMALL)
    opened.draw("timeline")
    opened.plot("timeline", "Plotly.Fx.hover(plot, [{curveNumber: 0, pointNumber: 0}])")
    told = opened.plot("timeline", "plot.querySelector('.hoverlayer').textContent")
    first = next(trial for trial in study.trials if trial.state == "complete")
    assert f"trial {first.number}, complete, 25.0 s" in told
    assert "12 epochs on <i>node-" in told, "the name of a node is text"
    assert f"validation accuracy {first.values['val_accuracy']:.2f} %" in told
    assert opened.plot("timeline", "plot.layout.annotations.map((one) => one.text)") == [
        "pause of 10 min 5 s"
    ]
    assert opened.errors == []


@pytest.mark.parametrize("figure", ["heads", "layers"])
def test_a_trial_is_chosen_from_the_list(digits: Opened, figure: str) -> None:
    study = digits.study
    box = digits.page.locator(f"select[data-of='{figure}']")
    numbers = [
        int(text) for text in box.locator("option").evaluate_all("(all) => all.map((one) => one.value)")
    ]
    assert set(numbers) <= set(listed(digest(study)))
    for number in (numbers[-1], numbers[0]):
        box.select_option(str(number))
        rows = [row for row in study.epochs if row.number == number]
        if figure == "heads":
            shown = digits.plot(
                figure, "plot.data.filter((one) => one.visible).map(({name, y}) => [name, y])"
            )
            branches = study.trials[number].config["distillation"]["branches"]
            assert [name for name, _ in shown] == ["network", *(f"branch {n}" for n in reversed(branches))]
            for place, (_, y) in enumerate(reversed(shown)):
                assert y == [*(pytest.approx(row.reliable_share[place], rel=1e-2) for row in rows), None]
        else:
            z = digits.plot(figure, "plot.data[0].z")
            n_layers = len(rows[0].firing_rate)
            assert z == [
                [*(pytest.approx(row.firing_rate[layer], rel=1e-2) for row in rows), None]
                for layer in range(n_layers)
            ]
            assert digits.plot(figure, "plot.layout.xaxis.range") == [0.5, len(rows) + 0.5]
    assert digits.errors == []


def test_steps_and_exits_show_the_record(digits: Opened) -> None:
    study = digits.study
    shown = digits.plot("steps", "plot.data.map(({name, y}) => [Number(name.split(' ')[1]), y])")
    assert {number for number, _ in shown} <= {trial.number for trial in digest(study).front}
    for number, accuracies in shown:
        assert accuracies == pytest.approx(study.trials[number].metrics["accuracy_at_t"], abs=1e-3)
    assert digits.plot("exits", "plot.data.map((one) => one.name)") == [
        "trained with t steps",
        "trained with more, stopped at t",
    ]


@pytest.mark.slow
def test_chosen_trials_are_offered_first_and_drawn(open_report: Open, tmp_path: Path) -> None:
    study = digits_study(80)
    kept = list(listed(digest(study)))
    chosen = [kept[3], next(t.number for t in study.trials if t.number not in kept)]
    opened = open_report(study, **SMALL)
    text = opened.path.read_text(encoding="utf-8")
    assert text.count('"selected":[]') == 1
    changed = tmp_path / "report.html"
    changed.write_text(text.replace('"selected":[]', f'"selected":{chosen}'), encoding="utf-8")
    opened.page.goto(changed.as_uri())
    opened.page.wait_for_selector("html[data-ready='true']")
    opened.page.evaluate("document.dispatchEvent(new CustomEvent('selection'))")
    first = opened.page.locator("select[data-of='layers'] optgroup").first
    assert first.get_attribute("label") == "Chosen"
    told = first.locator("option").evaluate_all("(all) => all.map((one) => [one.textContent, one.disabled])")
    assert told == [[f"trial {chosen[0]}", False], [f"trial {chosen[1]}: not in this page", True]]
    opened.draw("curves")
    drawn = opened.plot("curves", "plot.data.find((one) => one.name === 'selected').y")
    rows = [[row.val_accuracy for row in study.epochs if row.number == number] for number in chosen]
    expected = [value for own in rows for value in (*own, None)]
    assert len(drawn) == len(expected)
    assert [value for value in drawn if value is not None] == pytest.approx(
        [value for value in expected if value is not None], rel=1e-5
    )
    assert opened.errors == []


def without_steps() -> Study:
    study = digits_study(20)
    rows = tuple(replace(row, reliable_share=()) for row in study.epochs if row.epoch == 1)
    trials = [
        replace(trial, metrics={**trial.metrics, "accuracy_at_t": [90.0]}) if trial.values else trial
        for trial in study.trials
    ]
    return replace(study, trials=tuple(trials), epochs=rows)


def without_numbers() -> Study:
    study = digits_study(20)
    nothing = {"val_accuracy": math.nan, "train_loss": math.nan, "seconds": math.nan}
    rows = [
        replace(row, **nothing, reliable_share=(math.nan,), firing_rate=(math.nan,))  # type: ignore[arg-type]
        for row in study.epochs
    ]
    return replace(study, epochs=tuple(rows))


@pytest.mark.parametrize(
    ("make", "cards"),
    [
        (without_steps, ["heads", "steps", "exits"]),
        pytest.param(without_numbers, ["curves", "heads", "layers"], marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_drawn_is_a_card(
    make: Callable[[], Study], cards: list[str], open_report: Open
) -> None:
    opened = open_report(make(), **SMALL)
    drawn = opened.draw_all()
    assert set(FIGURES) - set(drawn) == set(cards)
    told = opened.page.locator("#training .card p").all_inner_texts()
    assert len(told) == len(cards)
    assert all(text.endswith(".") for text in told)
    assert opened.errors == []


def test_the_sections_fit_a_phone(open_report: Open) -> None:
    opened = open_report(on_two_nodes(), **PHONE)
    opened.draw("timeline")
    assert opened.plot("timeline", "plot._fullLayout.yaxis.showticklabels") is False
    assert opened.plot("timeline", "plot._fullLayout._size.w") > 200
    opened.page.locator("[data-of='hypervolume'][data-choice='time']").click()
    assert opened.plot("hypervolume", "plot.layout.xaxis.title.text") == "Time since the start (min)"
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    assert opened.errors == []
