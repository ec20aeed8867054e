"""Tables of a comparison: summary, coverage, common front, where each study leads, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reports.compare.differences import Differences
from reports.compare.frame import CompareFrame, Place, Stretch
from reports.compare.front_figure import MARKS
from reports.data.digest import value
from reports.format.quantities import NO_BREAK, capitalised, percent, quantity, with_unit, written
from reports.front.table import export_command
from reports.html.choices import copy_button
from reports.html.markup import Html, join, tag
from reports.html.table import scrolling_table
from studies.model import Objective
from studies.pareto import rankable
from studies.text import params_text, three_digits


def study_html(frame: CompareFrame, place: int) -> Html:
    """A study's mark and name."""
    mark = tag("span", MARKS[place], class_=f"mark study-{place + 1}", aria_hidden="true")
    name = frame.members[place].name
    return tag("span", mark, name, class_="study", title=name)


def summary_html(frame: CompareFrame) -> Html:
    """A row for each study: hypervolume, trials on the common front, best values."""
    heads = [
        _head("Study"),
        *map(_number_head, ("Measured trials", "Hypervolume", "Share of the common front's")),
        _number_head("On its own front"),
        _number_head("On the common front"),
        *(_number_head(_best(objective.name)) for objective in frame.objectives),
    ]
    rows = []
    for place, member in enumerate(frame.members):
        share = share_text(member.hypervolume / frame.total) if frame.total > 0 else "–"
        best = [member.best.get(objective.name) for objective in frame.objectives]
        cells = [
            _number(str(len(rankable(member.study)))),
            _number(three_digits(member.hypervolume), repr(member.hypervolume)),
            *map(_number, (share, str(len(member.front)), str(member.n_common))),
            *(
                _number(written(objective.name, number), _exact(number))
                for objective, number in zip(frame.objectives, best, strict=True)
            ),
        ]
        rows.append(tag("tr", _row_head(frame, place), *cells, data_study=place))
    return _table(heads, rows, "Hypervolume and best values of each study", "summary-table")


def coverage_html(frame: CompareFrame) -> Html:
    """How much of each front each other front covers."""
    heads = [_head("Covers"), *(_head(study_html(frame, place)) for place in range(len(frame.members)))]
    rows = [
        tag("tr", _row_head(frame, place), *(_number("–" if c is None else percent(c)) for c in shares))
        for place, shares in enumerate(frame.coverage)
    ]
    return _table(heads, rows, "Share of each front that each other front covers", "coverage-table")


def common_html(frame: CompareFrame, folders: Sequence[Path]) -> Html:
    """The common front, best first objective first, with the study of each trial and how to export it."""
    heads = [
        *map(_head, ("Trial", "Study")),
        *(_number_head(quantity(objective.name).title) for objective in frame.objectives),
        tag("th", "Export", scope="col", class_="screen"),
        _head("Params"),
    ]
    rows = [_common_row(frame, place, folders[place.member]) for place in frame.common]
    return _table(heads, rows, "The common front, best first objective first", "common-table", words=True)


def _common_row(frame: CompareFrame, place: Place, folder: Path) -> Html:
    trial, member = place.trial, frame.members[place.member]
    search = member.study.info.space.get("search")
    values = {objective.name: value(trial, objective.name) for objective in frame.objectives}
    command = export_command(folder, trial.number)
    copy = copy_button(f"the export command of trial {trial.number} of {member.name}", command)
    return tag(
        "tr",
        tag("th", str(trial.number), scope="row"),
        tag("td", study_html(frame, place.member)),
        *(_number(written(name, number), repr(number)) for name, number in values.items()),
        tag("td", copy, class_="screen"),
        tag("td", params_text(trial.params, list(search) if search else ()), class_="params"),
        data_study=place.member,
        data_trial=trial.number,
    )


def stretches_html(
    frame: CompareFrame, first: Objective, second: Objective, stretches: list[Stretch]
) -> Html:
    """For each demand on the first objective, which study has the best second one."""
    label = quantity(first.name).label
    side = "at least" if first.direction == "maximize" else "at most"
    heads = [
        _head(f"{capitalised(label)} must be {side}"),
        _head(f"Best {quantity(second.name).label} from"),
        *(_number_head(study_html(frame, place)) for place in range(len(frame.members))),
    ]
    rows = [
        tag(
            "tr",
            tag("th", demand_text(first, stretch), scope="row"),
            tag("td", *_in_a_row([study_html(frame, place) for place in stretch.leaders])),
            *(_number(written(second.name, offer), _exact(offer)) for offer in stretch.offers),
            data_leaders=",".join(map(str, stretch.leaders)),
        )
        for stretch in stretches
    ]
    caption = f"Which study has the best {quantity(second.name).label} for each {label}"
    return _table(heads, rows, caption, f"stretches-{second.name}")


def demand_text(first: Objective, stretch: Stretch) -> str:
    """The demands of a stretch: "over 97.20 % up to 99.31 %", "from 3.10 MiB to under 6.40 MiB"."""
    strict = with_unit(first.name, stretch.strict)
    lax = None if stretch.lax is None else with_unit(first.name, stretch.lax)
    if first.direction == "maximize":
        return f"up to {strict}" if lax is None else f"over {lax} up to {strict}"
    return f"from {strict} on" if lax is None else f"from {strict} to under {lax}"


def differences_html(frame: CompareFrame, differences: Differences) -> Html:
    """A row for everything that is not the same in all studies."""
    heads = [_head("What"), *(_head(study_html(frame, place)) for place in range(len(frame.members)))]
    rows = [
        tag("tr", tag("th", row.what, scope="row"), *(tag("td", text) for text in row.texts))
        for row in differences.rows
    ]
    return _table(heads, rows, "What differs between the studies", "differences-table", words=True)


def _table(heads: list[Html], rows: list[Html], caption: str, name: str, words: bool = False) -> Html:
    """A table in a scrolling box. words: whether its cells hold text that wraps."""
    attributes = {"class_": "words"} if words else {}
    return tag("div", scrolling_table(name, heads, rows, caption, **attributes), class_="compared")


def _head(content: str) -> Html:
    return tag("th", content, scope="col")


def _number_head(content: str) -> Html:
    return tag("th", content, scope="col", class_="number")


def _row_head(frame: CompareFrame, place: int) -> Html:
    return tag("th", study_html(frame, place), scope="row")


def _number(text: str, exact: str | None = None) -> Html:
    return tag("td", text, class_="number", data_value=exact)


def _best(name: str) -> str:
    metric = quantity(name)
    return f"Best {metric.label} ({metric.unit})" if metric.unit else f"Best {metric.label}"


def share_text(share: float) -> str:
    """A share with one decimal, so that nearly all is not all: 0.998 is "99.8 %"."""
    return f"{100 * share:.1f}{NO_BREAK}%"


def _exact(number: float | None) -> str | None:
    return None if number is None else repr(number)


def _in_a_row(items: list[Html]) -> list[Html]:
    return [join(", ", item) if place else item for place, item in enumerate(items)]
