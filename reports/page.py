"""The whole page as one string: nothing in it is loaded from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from reports.columns import columns, curves, groups, legends, spread_texts
from reports.digest import Digest, digest
from reports.facts import facts
from reports.figure import Card, Figure
from reports.hypervolume import HypervolumeFrame, hypervolume_frame
from reports.markup import Html, join, script_json, tag
from reports.section import Section, section_html
from reports.sections import sections
from reports.summary import sentences
from studies.model import Study

SCRIPTS = ("data.js", "tooltip.js", "plots.js", "page.js")
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def page(study: Study, run_folder: Path) -> str:
    """The report of a study as HTML. `run_folder` is named in the export commands only."""
    found = digest(study)
    hypervolume = hypervolume_frame(found)
    contents = sections(found, hypervolume, run_folder)
    script, plotly = _script(), _plotly()
    parts: dict[str, str] = {
        "policy": _policy(script, plotly),
        "generator": f"SpikeFront {study.info.versions.get('spikefront', '')}".strip(),
        "title": f"{study.info.name} · SpikeFront",
        "style": Html(_asset("report.css")),
        "header": _header(found, hypervolume),
        "nav": _nav(contents),
        "sections": Html("\n".join(section_html(section) for section in contents)),
        "data": script_json(_data(found, contents)),
        "plotly": plotly,
        "script": script,
    }
    return fill(_asset("report.html"), parts)


def fill(template: str, parts: dict[str, str]) -> str:
    """The template with each {{name}} replaced once: markup as it is, text escaped.

    Raises:
        KeyError: the template names a part that is not there.
    """
    return _PLACE.sub(lambda match: join(parts[match[1]]), template)


def _header(digest: Digest, hypervolume: HypervolumeFrame | Card) -> Html:
    lead = [tag("p", sentence) for sentence in sentences(digest, hypervolume)]
    entries = [tag("div", tag("dt", label), tag("dd", text)) for label, text in facts(digest)]
    eyebrow = tag("p", "SpikeFront study", class_="eyebrow")
    title = tag("h1", digest.study.info.name)
    return tag(
        "header",
        tag("div", eyebrow, title, *lead, class_="lead"),
        tag("dl", *entries, class_="facts"),
    )


def _nav(contents: list[Section]) -> Html:
    links = [tag("li", tag("a", section.title, href=f"#{section.id}")) for section in contents]
    return tag("nav", tag("ul", *links), aria_label="Sections")


def _data(digest: Digest, contents: list[Section]) -> dict[str, Any]:
    """Everything the scripts read: data once, figures that refer to it."""
    shared = columns(digest)
    metrics = [name.removeprefix("metric.") for name in shared if name.startswith("metric.")]
    figures = [part for section in contents for part in section.parts if isinstance(part, Figure)]
    return {
        "columns": shared,
        "epochs": curves(digest),
        "groups": groups(digest),
        "spreads": spread_texts(digest),
        "objectives": [objective.name for objective in digest.objectives],
        "knobs": [{"name": knob.name, "label": knob.label} for knob in digest.knobs],
        "metrics": legends(digest, metrics),
        "knee": None if digest.knee is None else digest.knee.number,
        "figures": {
            figure.id: {
                "drawing": figure.drawing,
                "narrow": figure.narrow,
                "height": figure.height,
                "whole": figure.whole,
            }
            for figure in figures
        },
    }


def _policy(*scripts: str) -> str:
    """A content security policy: these scripts and no others, and nothing from the network.

    Plotly's parallel coordinates compile their WebGL calls, which needs 'unsafe-eval'.
    """
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    sources = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {sources} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


@cache
def _plotly() -> Html:
    return Html(get_plotlyjs())


@cache
def _script() -> Html:
    body = "\n".join(_asset(name) for name in SCRIPTS)
    return Html(f'(() => {{\n"use strict";\n{body}}})();\n')


def _asset(name: str) -> str:
    return (files("reports") / name).read_text(encoding="utf-8")
