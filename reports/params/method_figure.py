"""What the six params of the method did, in sentences, small figures and a table."""

from __future__ import annotations

from reports.data.axes import axis_frame, scaling
from reports.data.digest import Digest
from reports.format.quantities import counted, listed, quantity, with_unit, written
from reports.html.figure import Card, Figure
from reports.html.markup import Html, plot_text, tag
from reports.html.table import scrolling_table
from reports.params.effect import Difference
from reports.params.method import LEAST, Group, MethodFrame
from reports.params.panels import panel_of, panel_span
from reports.params.panels_figure import panel_traces, param_axis

N_POINTS = 200
MOST_TOLD = 3
MOST_MEDIANS = 6


def sentences(frame: MethodFrame) -> list[str]:
    """The findings about one param: its effect on the first objective, then on the others."""
    first = quantity(frame.objectives[0].name)
    texts = [_scope(frame), _measured(frame)]
    differing = _differing(frame, frame.objectives[0].name)
    if frame.objectives[0].name in frame.unskilled:
        texts.append(
            f"Cannot be told: the forest predicts {first.label} of unseen trials no better than their mean."
        )
    elif not differing:
        texts.append(_no_difference(frame))
    elif frame.turned.param.kind == "number":
        texts += _direction(frame)
    else:
        texts += _categories(frame, differing)
    return [sentence for sentence in [*texts, _costs(frame)] if sentence]


def _scope(frame: MethodFrame) -> str:
    turned = frame.turned
    if turned.n_active == turned.n_trials:
        return ""
    word = "mode" if len(frame.modes) == 1 else "modes"
    under = f" ({word} {listed(frame.modes)})" if frame.modes else ""
    return f"Active in {turned.n_active:,} of {turned.n_trials:,} trials{under}."


def _measured(frame: MethodFrame) -> str:
    """The medians of a category's settings; "" for many settings, which only the table shows."""
    if frame.turned.param.kind == "number" or len(frame.groups) > MOST_MEDIANS:
        return ""
    name = frame.objectives[0].name
    medians = [f"{group.text} {with_unit(name, group.median)} ({group.n:,})" for group in frame.groups]
    return f"Measured medians (trials): {', '.join(medians)}."


def _differing(frame: MethodFrame, name: str) -> list[tuple[Group, Difference]]:
    """The groups that differ from the reference beyond the uncertainty, the largest difference first."""
    pairs = [(group, group.beyond.get(name)) for group in frame.groups]
    differing = [
        (group, difference)
        for group, difference in pairs
        if difference is not None and difference.excludes_zero
    ]
    return sorted(differing, key=lambda pair: -abs(pair[1].middle))


def _no_difference(frame: MethodFrame) -> str:
    name = frame.objectives[0].name
    pairs = [(group, group.beyond.get(name)) for group in frame.groups]
    known = [(group, difference) for group, difference in pairs if difference is not None]
    if not known:
        return f"Cannot be told: fewer than two settings were tried {LEAST} times or more."
    group, difference = max(known, key=lambda pair: abs(pair[1].middle))
    reference = frame.groups[frame.reference].text
    return (
        f"Cannot be told: no setting's {quantity(name).label} differs from that of {reference} beyond the "
        f"uncertainty; the largest difference is {group.text} with {_interval(name, difference)}."
    )


def _direction(frame: MethodFrame) -> list[str]:
    """For a number: the difference between the last setting and the first, and the best setting."""
    name = frame.objectives[0].name
    label = quantity(name).label
    lowest, highest, best = frame.groups[0], frame.groups[-1], frame.groups[frame.best]
    end = highest.beyond[name]
    moves = (
        f"From {lowest.text} to {highest.text}: {label} {_interval(name, end)}."
        if end is not None and end.excludes_zero
        else f"Between {lowest.text} and {highest.text}, the two ends, no difference in {label} can be told."
    )
    level = [frame.groups[place].text for place in frame.level if place != frame.best]
    also = f"; {listed(level)} cannot be told from it" if level else ", beyond the uncertainty"
    also += _too_few(frame)
    return [moves, f"Best at {best.text}{also}."]


def _categories(frame: MethodFrame, differing: list[tuple[Group, Difference]]) -> list[str]:
    name = frame.objectives[0].name
    label, reference = quantity(name).label, frame.groups[frame.reference].text
    parts = [
        f"{_interval(name, difference)} under {group.text}" for group, difference in differing[:MOST_TOLD]
    ]
    others = [
        group.text
        for group in frame.groups
        if (difference := group.beyond.get(name)) is not None and not difference.excludes_zero
    ]
    rest = f" {listed(others)}: cannot be told from {reference}." if others else ""
    n_more = len(differing) - MOST_TOLD
    more = f" {counted(n_more, 'more setting')} with a smaller difference." if n_more > 0 else ""
    level = [frame.groups[place].text for place in frame.level if place != frame.best]
    also = f", which {listed(level)} cannot be told from" if level else ""
    also += _too_few(frame)
    return [
        f"Against {reference}: {label} {'; '.join(parts)}.{more}{rest}",
        f"Best: {frame.groups[frame.best].text}{also}.",
    ]


def _too_few(frame: MethodFrame) -> str:
    few = [group.text for group in frame.groups if group.n < LEAST]
    return f"; {listed(few)}: too few trials to compare" if few else ""


def _costs(frame: MethodFrame) -> str:
    """The differences in the other objectives at the best setting, or at the last if that is the
    reference."""
    last = frame.best if frame.best != frame.reference else len(frame.groups) - 1
    group = frame.groups[last]
    parts, equal = [], []
    for objective in frame.objectives[1:]:
        difference, label = group.beyond.get(objective.name), quantity(objective.name).label
        if difference is not None and difference.excludes_zero and objective.name not in frame.unskilled:
            parts.append(f"{label} {_interval(objective.name, difference)}")
        elif difference is not None:
            equal.append(label)
    if not parts and not equal:
        return ""
    rest = f"{'; ' if parts else ''}no difference in {listed(equal)} can be told" if equal else ""
    return f"At {group.text} against {frame.groups[frame.reference].text}: {'; '.join(parts)}{rest}."


def _interval(name: str, difference: Difference) -> str:
    """ "+1.20 points (+0.40 to +2.00)"."""
    low, high = (
        f"{'−' if end < 0 else '+'}{written(name, abs(end))}" for end in (difference.low, difference.high)
    )
    sign = "−" if difference.middle < 0 else "+"
    return f"{sign}{_amount(name, abs(difference.middle))} ({low} to {high})"


def _amount(name: str, number: float) -> str:
    if quantity(name).kind == "percent":
        return f"{written(name, number)} points"
    return with_unit(name, number)


def draw_method(digest: Digest, frame: MethodFrame, figure_id: str) -> Figure:
    """A small figure of the first objective over the param, with the findings as its caption."""
    objective = frame.objectives[0]
    panel = panel_of(frame.turned, frame.share)
    axis = axis_frame(digest.measured, objective)
    few = [trial.number for trial in digest.measured[:N_POINTS]]
    points = "measured" if len(few) == len(digest.measured) else few
    layout = {
        "showlegend": False,
        "margin": {"l": 52, "r": 8, "t": 6, "b": 34},
        "xaxis": param_axis(panel),
        "yaxis": {
            **scaling(axis),
            "range": list(panel_span(digest.measured, axis, [panel])),
            "title": {"text": plot_text(quantity(objective.name).title)},
            "fixedrange": True,
        },
    }
    said = sentences(frame)
    return Figure(
        id=figure_id,
        title=frame.title,
        alt=" ".join(said),
        drawing={"data": panel_traces(axis, panel, points), "layout": layout},
        caption=" ".join(said),
        height=230,
    )


def part_of(digest: Digest, frame: MethodFrame | Card, figure_id: str) -> Figure | Card:
    """The figure of a param that was searched; a card stays a card."""
    return frame if isinstance(frame, Card) else draw_method(digest, frame, figure_id)


def method_table(frames: list[MethodFrame]) -> Html:
    """All settings with their measured medians, and the predicted differences from the reference."""
    if not frames:
        return Html()
    names = [objective.name for objective in frames[0].objectives]
    first = quantity(names[0])
    heads = [
        tag("th", "Param", scope="col"),
        tag("th", "Setting", scope="col"),
        tag("th", "Trials", scope="col", class_="number"),
        tag("th", f"Measured {first.label}: median (quartiles)", scope="col", class_="number"),
        *(
            tag("th", f"{quantity(name).title}, matched difference", scope="col", class_="number")
            for name in names
        ),
    ]
    rows = [_row(frame, place, names) for frame in frames for place in range(len(frame.groups))]
    caption = "The settings of the method's params"
    return tag(
        "details",
        tag("summary", f"All {counted(len(rows), 'setting')} in numbers"),
        scrolling_table("method-table", heads, rows, caption, "Table of the settings"),
        tag("p", "Bold: beyond the uncertainty. Points: percentage points.", class_="note below"),
        class_="numbers",
    )


def _row(frame: MethodFrame, place: int, names: list[str]) -> Html:
    group = frame.groups[place]
    median, q25, q75 = (written(names[0], number) for number in (group.median, group.q25, group.q75))
    return tag(
        "tr",
        tag("th", frame.turned.param.label, scope="row"),
        tag("td", group.text),
        tag("td", f"{group.n:,}", class_="number"),
        tag("td", f"{median} ({q25} to {q75})", class_="number"),
        *(tag("td", _cell(frame, place, name), class_="number") for name in names),
        data_param=frame.field,
    )


def _cell(frame: MethodFrame, place: int, name: str) -> str:
    """A difference with its interval, in bold where that excludes zero."""
    if place == frame.reference:
        return "reference"
    difference = frame.groups[place].beyond.get(name)
    if difference is None:
        return "too few trials"
    is_certain = difference.excludes_zero and name not in frame.unskilled
    return tag("strong", _interval(name, difference)) if is_certain else _interval(name, difference)
