"""The whole page as one string: nothing in it is loaded from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from reports.budgets import budgets_data, budgets_frame
from reports.columns import columns, groups, legends, spread_texts, told_metrics
from reports.digest import MOST_CURVES, Digest, digest
from reports.epochs import curves, lists
from reports.facts import facts
from reports.figure import Card, Figure
from reports.hypervolume import hypervolume_frame
from reports.markup import Html, join, script_json, tag
from reports.names import counted
from reports.outcomes import WORDS
from reports.packing import packed, short
from reports.section import Section, section_html
from reports.sections import sections
from reports.summary import remarks, sentences
from reports.table import named_folder
from studies.model import Study, StudyInfo

SCRIPTS = (
    "data.js",
    "selection.js",
    "tooltip.js",
    "plots.js",
    "budgets.js",
    "course.js",
    "page.js",
    "knobs.js",
)
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def page(study: Study, run_folder: Path, version: str | None = None) -> str:
    """The report of a study as HTML. `run_folder` is named in the export commands only.

    version: of the record; such a page asks the server it came from (`reports.live`) for a newer one.
    """
    found = digest(study)
    contents = [_told(found, one) for one in sections(found, hypervolume_frame(found), run_folder)]
    sheet = Sheet(
        title=study.info.name,
        header=_header(found),
        contents=contents,
        data=_data(found, contents, run_folder),
        versions=study.info.versions,
    )
    return html_page(sheet, version)


@dataclass(frozen=True)
class Sheet:
    """What stands on a page.

    data: what the scripts read; see `loose_data` for a page that is no study's. versions: of the programs
    that made what is shown. style: CSS behind that of all pages.
    """

    title: str
    header: Html
    contents: list[Section]
    data: Mapping[str, Any]
    versions: Mapping[str, str] = field(default_factory=dict)
    style: str = ""


def html_page(sheet: Sheet, version: str | None = None) -> str:
    """A page of sections as HTML, with everything it needs. version: see `page`."""
    is_live = version is not None
    script, plotly = _script(is_live), _plotly()
    parts: dict[str, str] = {
        "policy": _policy(script, plotly, asks_server=is_live),
        "generator": f"SpikeFront {sheet.versions.get('spikefront', '')}".strip(),
        "title": f"{sheet.title} · SpikeFront",
        "style": Html(_asset("report.css") + sheet.style + (_asset("live.css") if is_live else "")),
        "header": sheet.header,
        "nav": _nav(sheet.contents) if sheet.contents else "",
        "sections": Html("\n".join(section_html(section) for section in sheet.contents)),
        "data": script_json({**sheet.data, **({"version": version} if is_live else {})}),
        "plotly": plotly,
        "script": script,
    }
    return fill(_asset("report.html"), parts)


def _told(digest: Digest, section: Section) -> Section:
    """The section about training says whose curves a large study's page leaves out."""
    if section.id != "training" or not digest.n_thinned:
        return section
    note = (
        f"Of {counted(MOST_CURVES + digest.n_thinned, 'trial')} off the front, the curves of "
        f"{MOST_CURVES} chosen at random are shown."
    )
    return replace(section, intro=f"{section.intro} {note}")


def fill(template: str, parts: dict[str, str]) -> str:
    """The template with each {{name}} replaced once: markup as it is, text escaped.

    Raises:
        KeyError: the template names a part that is not there.
    """
    return _PLACE.sub(lambda match: join(parts[match[1]]), template)


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


def _nav(contents: list[Section]) -> Html:
    words = {section.id: section.link or section.title for section in contents}
    links = [tag("li", tag("a", word, href=f"#{anchor}")) for anchor, word in words.items()]
    return tag("nav", tag("ul", *links), aria_label="Sections")


def loose_data(contents: list[Section]) -> dict[str, Any]:
    """What the scripts read on a page whose figures hold their own numbers, of no study or of several."""
    return _data(digest(Study(StudyInfo("", {}, ()), ())), contents, Path())


def _data(digest: Digest, contents: list[Section], run_folder: Path) -> dict[str, Any]:
    """Everything the scripts read: data once, figures that refer to it."""
    shared = columns(digest)
    metrics = told_metrics(shared)
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
        "knobs": [{"name": knob.name, "label": knob.label} for knob in digest.knobs],
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


def _policy(*scripts: str, asks_server: bool) -> str:
    """A content security policy: these scripts and no others, and nothing from the network.

    Plotly's parallel coordinates compile their WebGL calls, which needs 'unsafe-eval'. asks_server: the
    scripts may ask the server that the page came from.
    """
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    sources = " ".join(f"'sha256-{digest}'" for digest in hashes)
    connect = "connect-src 'self'; " if asks_server else ""
    return (
        f"default-src 'none'; script-src {sources} 'unsafe-eval'; style-src 'unsafe-inline'; "
        f"{connect}img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


@cache
def _plotly() -> Html:
    return Html(get_plotlyjs())


@cache
def _script(is_live: bool) -> Html:
    body = "\n".join(_asset(name) for name in (*SCRIPTS, *(["live.js"] if is_live else [])))
    return Html(f'(() => {{\n"use strict";\n{body}}})();\n')


def _asset(name: str) -> str:
    return (files("reports") / name).read_text(encoding="utf-8")
