"""The section in which a reader sets budgets and gets the config to train."""

from __future__ import annotations

import shlex
from pathlib import Path

from reports.data.digest import Digest
from reports.format.quantities import capitalised, quantity
from reports.front.budgets import TITLE, Budget, BudgetsFrame, budgets_frame, label
from reports.front.table import named_folder
from reports.html.choices import copy_button
from reports.html.figure import Card
from reports.html.markup import Html, join, tag
from reports.html.section import Section

OUT = "best.yaml"


def budget_section(digest: Digest, run_folder: Path) -> Section:
    """Sliders and the best trial within them, or a card that says why there is none."""
    title, frame = "Within a budget", budgets_frame(digest)
    if isinstance(frame, Card):
        return Section("budget", title, "", [frame])
    intro = (
        f"Set what a trial may cost. The best {quantity(frame.first.name).label} that keeps every budget is "
        "here, ready to train; trials beyond fade in the pairs above."
    )
    return Section(
        "budget", title, intro, [], tag("div", _sliders(frame), _answer(run_folder), class_="budgets")
    )


def _sliders(frame: BudgetsFrame) -> Html:
    rows = [_slider(budget) for budget in frame.budgets]
    reset = tag("button", "No limits", type="button", id="no-limits")
    return tag("form", *rows, reset, class_="sliders", aria_label="Budgets", autocomplete="off")


def _slider(budget: Budget) -> Html:
    name = f"budget-{budget.name}"
    shown = tag("output", id=f"{name}-told", for_=name)
    return tag(
        "div",
        tag("label", capitalised(label(budget)), for_=name),
        shown,
        tag("input", type="range", id=name, min=0, max=1, step=1, data_limit=budget.name),
        class_="slider",
    )


def _answer(run_folder: Path) -> Html:
    """Places that `budgets.js` fills."""
    export = f"python -m studies.export {shlex.quote(str(named_folder(run_folder)))} --pick "
    choose = tag("button", "Mark it in the figures", type="button", class_="choose")
    config = join(
        tag("p", "Its config ", copy_button("the config"), class_="head"),
        tag("pre", tag("code"), tabindex=0, role="region", aria_label="Config"),
        tag(
            "p",
            "Its config is not on this page; the first command below writes it.",
            class_="absent",
            hidden=True,
        ),
    )
    commands = tag(
        "ol",
        tag(
            "li",
            tag("code", data_before=export, data_after=f" --out {OUT}", class_="export"),
            copy_button("the export command"),
        ),
        tag(
            "li",
            tag("code", f"python -m snncore.train {OUT}"),
            copy_button("the command that trains it", f"python -m snncore.train {OUT}"),
        ),
        class_="commands",
    )
    result = tag(
        "div", tag("dl"), tag("p", choose), tag("div", config, class_="config"), commands, class_="found"
    )
    heading = tag("h3", TITLE, aria_live="polite")
    return tag(
        "div", heading, result, tag("div", class_="missed", hidden=True), class_="answer card", id="answer"
    )
