"""The page of a comparison as HTML: its summary in words, and its sections."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import get_args

from reports.compare.differences import differences
from reports.compare.frame import CompareFrame, out_of_reach, stretches
from reports.compare.front import front_frame, pairs
from reports.compare.front_figure import draw_fronts
from reports.compare.ground import Entrant, Ground
from reports.compare.growth import Along, growth_frame
from reports.compare.growth_figure import draw_growth
from reports.compare.tables import (
    common_html,
    coverage_html,
    differences_html,
    share_text,
    stretches_html,
    study_html,
    summary_html,
)
from reports.course.facts import budget, date
from reports.data.digest import Digest
from reports.format.quantities import capitalised, counted, listed, percent, quantity, with_unit
from reports.html.figure import Card, Figure
from reports.html.markup import Html, join, tag
from reports.html.section import Section, drawn
from reports.html.shell import Sheet, asset, html_page
from reports.page import loose_data
from studies.accuracy import validation_text
from studies.replicates import searched
from studies.text import three_digits


def compare_page(entrants: Sequence[Entrant], ground: Ground, frame: CompareFrame) -> str:
    """The comparison as one offline HTML page."""
    contents = compare_sections(entrants, frame)
    names = listed([entrant.name for entrant in entrants])
    sheet = Sheet(
        title=names,
        header=_header(entrants, ground, frame),
        contents=contents,
        data=loose_data(contents),
        versions=entrants[0].study.info.versions,
        style=asset("compare.css"),
    )
    return html_page(sheet)


def compare_sections(entrants: Sequence[Entrant], frame: CompareFrame) -> list[Section]:
    """All sections, in their order; a card says why something cannot be shown."""
    return [
        _front(frame),
        _summary(frame),
        _growth(frame),
        _common(entrants, frame),
        _stretches(frame),
        _differences(entrants, frame),
    ]


def _header(entrants: Sequence[Entrant], ground: Ground, frame: CompareFrame) -> Html:
    eyebrow = tag("p", "SpikeFront comparison", class_="eyebrow")
    title = tag("h1", listed([entrant.name for entrant in entrants]))
    left_out = [
        join(
            tag("strong", f"{capitalised(quantity(omitted.name).label)} is not compared"), f": {omitted.why}."
        )
        for omitted in ground.left_out
    ]
    warnings = [tag("p", text, class_="warning") for text in (*left_out, *ground.warnings)]
    lead = [tag("p", text) for text in sentences(frame)]
    entries = [
        tag("div", tag("dt", study_html(frame, place)), tag("dd", _facts(entrant)))
        for place, entrant in enumerate(entrants)
    ]
    return tag(
        "header",
        tag("div", eyebrow, title, *warnings, *lead, class_="lead"),
        tag("dl", *entries, class_="facts"),
    )


def sentences(frame: CompareFrame) -> list[Html]:
    """Who has the largest hypervolume, whose trials are on the common front, and the coverage of two."""
    if frame.reference is None:
        return [join("No trial of any study has finished within its limits, so there is nothing to compare.")]
    names = out_of_reach(frame)
    if names is None:
        texts = [_volumes(frame)]
    else:
        than = [f"{quantity(name).label} {with_unit(name, frame.reference[name])}" for name in names]
        texts = [join(capitalised(no_volume_words(than)), ".")]
    parts = [f"{counted(member.n_common, 'trial')} of {member.name}" for member in frame.members]
    texts.append(
        join(
            "The ",
            tag("strong", "common front"),
            f", what no trial of any study betters, has {listed(parts)}.",
        )
    )
    if len(frame.members) == 2:
        shares = [frame.coverage[row][column] for row, column in ((0, 1), (1, 0))]
        names = [member.name for member in frame.members]
        texts += [
            join(f"{covering} dominates or equals {percent(share)} of the front of {other}.")
            for covering, other, share in zip(names, reversed(names), shares, strict=True)
            if share is not None
        ]
    return texts


def no_volume_words(than: Sequence[str]) -> str:
    """Why all hypervolumes are 0, without a full stop. than: the reference values that no trial betters."""
    what = listed(than, "or") or "the reference point in all objectives"
    return f"nothing lies within the reference: no trial is better than {what}, so all hypervolumes are 0"


def _volumes(frame: CompareFrame) -> Html:
    most = max(member.hypervolume for member in frame.members)
    leaders = [member.name for member in frame.members if member.hypervolume == most]
    rest = [
        f"{member.name} {share_text(member.hypervolume / frame.total)}"
        for member in frame.members
        if member.name not in leaders
    ]
    verb, share = "has" if len(leaders) == 1 else "have", share_text(most / frame.total)
    return join(
        tag("strong", listed(leaders)),
        f" {verb} the largest hypervolume: {share} of what all studies together dominate",
        f"; {listed(rest)}." if rest else ".",
    )


def _facts(entrant: Entrant) -> str:
    study = entrant.study
    some = Digest(searched(study), study, (), (), None, ())
    validation = validation_text(study)
    return f"{budget(some)}, {date(study)}" + (f", validated on {validation}" if validation else "")


def _front(frame: CompareFrame) -> Section:
    parts: list[Figure | Card] = []
    for place, (x, y) in enumerate(pairs(frame.objectives), start=1):
        draw = partial(draw_fronts, frame=frame, figure_id=f"pair-{place}")
        parts.append(drawn(front_frame(frame, x, y), draw))
    if not parts:
        only = quantity(frame.objectives[0].name).label
        parts.append(Card("Fronts", f"The studies are compared in {only} alone, so there is no trade-off."))
    grid = "grid thirds" if len(parts) > 2 else "grid"
    intro = (
        "The front of each study in the objectives they share; the line joins what is best in the pair "
        "alone. Choose a study to hide or show it in all figures."
    )
    return Section("front", "Front against front", intro, parts, legend=_legend(frame), grid=grid)


def _legend(frame: CompareFrame) -> Html:
    switches = [
        tag(
            "li",
            tag(
                "button",
                study_html(frame, place),
                type="button",
                class_="switch",
                aria_pressed="true",
                data_trial=place,
            ),
        )
        for place in range(len(frame.members))
    ]
    kept = tag("li", tag("span", class_="filled"), "filled: on the common front")
    lost = tag("li", tag("span", class_="hollow"), "open: bettered by another study")
    return tag("ul", *switches, kept, lost, class_="legend")


def _summary(frame: CompareFrame) -> Section:
    title = "Hypervolume and coverage"
    if frame.reference is None:
        why = "No trial of any study has finished within its limits."
        return Section("summary", title, "", [Card("No rows", why)])
    corner = listed([with_unit(name, number) for name, number in frame.reference.items()])
    intro = f"Hypervolume is measured from {corner} for every study; the common front has "
    intro += f"{three_digits(frame.total)}."
    covers = tag(
        "p",
        "How much of the front in the column the study in the row dominates or equals (the C-metric of "
        "Zitzler and Thiele, 1999). The two directions need not add up to 100 %. One study is one draw of "
        "its sampler's luck: small differences may not come again with another seed.",
        class_="note",
    )
    heading = tag("h3", "Coverage", class_="apart")
    return Section(
        "summary", title, intro, [], join(summary_html(frame), heading, covers, coverage_html(frame))
    )


def _growth(frame: CompareFrame) -> Section:
    intro = "How fast each study got there, by its trials and by the epochs it spent on them."
    parts = [drawn(growth_frame(frame, along), draw_growth) for along in get_args(Along)]
    legend = [tag("li", study_html(frame, place)) for place in range(len(frame.members))]
    return Section(
        "search", "How the searches went", intro, parts, legend=tag("ul", *legend, class_="legend")
    )


def _common(entrants: Sequence[Entrant], frame: CompareFrame) -> Section:
    title = "The common front"
    if not frame.common:
        why = "No trial of any study has finished within its limits."
        return Section("common", title, "", [Card("No rows", why)])
    intro = "The trials that no trial of any study betters without paying elsewhere, and whose they are."
    return Section("common", title, intro, [], common_html(frame, [entrant.folder for entrant in entrants]))


def _stretches(frame: CompareFrame) -> Section:
    title, (first, *others) = "Which study leads where", frame.objectives
    if not frame.common or not others:
        why = "This needs two objectives, and a trial that has finished within its limits."
        return Section("stretches", title, "", [Card("No rows", why)])
    intro = (
        f"For each demand on {quantity(first.name).label}, the study with the best other objective among "
        "trials that meet it; the numbers are what each study offers at the strictest demand of the row."
    )
    tables = []
    for other in others:
        heading = tag("h3", capitalised(quantity(other.name).label), class_="apart")
        tables.append(join(heading, stretches_html(frame, first, other, stretches(frame, first, other))))
    return Section("stretches", title, intro, [], join(*tables))


def _differences(entrants: Sequence[Entrant], frame: CompareFrame) -> Section:
    title, differing = "What differs", differences(entrants)
    if not differing.rows:
        why = "Everything that was recorded of the studies as a whole is the same in all of them."
        return Section("differences", title, "", [Card("Nothing", why)])
    others, verb = (
        counted(differing.n_same, "other entry", "other entries"),
        "is" if differing.n_same == 1 else "are",
    )
    intro = f"Of spaces, settings, machines and versions; {others} {verb} the same in all."
    return Section("differences", title, intro, [], differences_html(frame, differing))
