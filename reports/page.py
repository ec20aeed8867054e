"""The report of a study as one page: its header, its sections, and the data that their figures read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.course.facts import facts
from reports.course.hypervolume import hypervolume_frame
from reports.course.outcomes import WORDS
from reports.data.columns import columns, groups, legends, spread_texts, tooltip_metrics
from reports.data.digest import MOST_CURVES, Digest, digest
from reports.data.epochs import curves, lists
from reports.data.packing import packed, short
from reports.format.quantities import counted
from reports.front.budgets import budgets_data, budgets_frame
from reports.front.summary import remarks, sentences
from reports.front.table import named_folder
from reports.html.figure import Card, Figure
from reports.html.markup import Html, tag
from reports.html.section import Section
from reports.html.shell import Sheet, html_page
from reports.sections import sections
from studies.model import Study, StudyInfo


def page(study: Study, run_folder: Path, version: str | None = None) -> str:
    """The report of a study as HTML. `run_folder` is named in the export commands only.

    version: of the record; with it the page asks the server it came from (`reports.live`) for newer ones.
    """
    study_digest = digest(study)
    contents = [
        _with_curves_note(study_digest, section)
        for section in sections(study_digest, hypervolume_frame(study_digest), run_folder)
    ]
    sheet = Sheet(
        title=study.info.name,
        header=_header(study_digest),
        contents=contents,
        data=_data(study_digest, contents, run_folder),
        versions=study.info.versions,
    )
    return html_page(sheet, version)


def _with_curves_note(digest: Digest, section: Section) -> Section:
    """The section with a note about the curves that the page of a large study leaves out, for training."""
    if section.id != "training" or not digest.n_thinned:
        return section
    note = (
        f"Of {counted(MOST_CURVES + digest.n_thinned, 'trial')} off the front, the curves of "
        f"{MOST_CURVES} chosen at random are shown."
    )
    return replace(section, intro=f"{section.intro} {note}")


def _header(digest: Digest) -> Html:
    lead = [tag("p", sentence) for sentence in sentences(digest)]
    lead += [tag("p", text, class_="warning") for text in remarks(digest)]
    entries = [tag("div", tag("dt", label), tag("dd", text)) for label, text in facts(digest)]
    eyebrow = tag("p", "SpikeFront study", class_="eyebrow")
    title = tag("h1", digest.study.info.name)
    return tag(
        "header",
        tag("div", eyebrow, title, *lead, class_="lead"),
        tag("dl", *entries, class_="facts"),
    )


def loose_data(contents: list[Section]) -> dict[str, Any]:
    """The data of a page whose figures hold their own numbers, as of a comparison."""
    return _data(digest(Study(StudyInfo("", {}, ()), ())), contents, Path())


def _data(digest: Digest, contents: list[Section], run_folder: Path) -> dict[str, Any]:
    """Everything that the scripts read: the data once, and figures that refer to it."""
    shared = columns(digest)
    metrics = tooltip_metrics(shared)
    budgets = _budgets(digest, run_folder)
    limits = [] if budgets is None else [limit["name"] for limit in budgets["limits"]]
    exact = {f"{kind}.{name}" for kind in ("value", "metric") for name in limits}
    exact |= {f"value.{objective.name}" for objective in digest.objectives}
    figures = [part for section in contents for part in section.parts if isinstance(part, Figure)]
    return {
        "columns": packed(shared, exact),
        "epochs": packed(curves(digest)),
        "groups": groups(digest),
        "spreads": spread_texts(digest),
        "objectives": [objective.name for objective in digest.objectives],
        "lists": lists(digest),
        "params": [{"name": param.name, "label": param.label} for param in digest.params],
        "metrics": legends(digest, metrics),
        "states": WORDS,
        "knee": None if digest.knee is None else digest.knee.number,
        "budgets": budgets,
        "figures": {
            figure.id: {
                "drawing": short(figure.drawing),
                "narrow": figure.narrow,
                "height": figure.height,
                "whole": figure.whole,
            }
            for figure in figures
        },
    }


def _budgets(digest: Digest, run_folder: Path) -> dict[str, Any] | None:
    frame = budgets_frame(digest)
    return None if isinstance(frame, Card) else budgets_data(frame, digest, named_folder(run_folder))
