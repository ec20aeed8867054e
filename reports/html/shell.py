"""A page of sections as one string of HTML that loads nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs

from reports.html.markup import Html, join, script_json, tag
from reports.html.section import Section, section_html

SCRIPTS = (
    "data.js",
    "selection.js",
    "tooltip.js",
    "plots.js",
    "budgets.js",
    "course.js",
    "page.js",
    "params.js",
)
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Sheet:
    """The contents of a page.

    data: what the scripts read; see `loose_data` for a page that does not show one study. versions: of the
    programs that made what is shown. style: CSS added to that of all pages.
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
        "style": Html(asset("report.css") + sheet.style + (asset("live.css") if is_live else "")),
        "header": sheet.header,
        "nav": _nav(sheet.contents) if sheet.contents else "",
        "sections": Html("\n".join(section_html(section) for section in sheet.contents)),
        "data": script_json({**sheet.data, **({"version": version} if is_live else {})}),
        "plotly": plotly,
        "script": script,
    }
    return fill(asset("report.html"), parts)


def fill(template: str, parts: dict[str, str]) -> str:
    """The template with each {{name}} replaced once: markup as it is, text escaped.

    Raises:
        KeyError: the template names a part that is missing.
    """
    return _PLACE.sub(lambda match: join(parts[match[1]]), template)


def _nav(contents: list[Section]) -> Html:
    words = {section.id: section.link or section.title for section in contents}
    links = [tag("li", tag("a", word, href=f"#{anchor}")) for anchor, word in words.items()]
    return tag("nav", tag("ul", *links), aria_label="Sections")


def _policy(*scripts: str, asks_server: bool) -> str:
    """A content security policy that allows these scripts only, and nothing from the network.

    Plotly's parallel coordinates compile their WebGL calls, which needs 'unsafe-eval'. asks_server: whether
    the scripts may send requests to the server that the page came from.
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
    body = "\n".join(asset(name) for name in (*SCRIPTS, *(["live.js"] if is_live else [])))
    return Html(f'(() => {{\n"use strict";\n{body}}})();\n')


def asset(name: str) -> str:
    """A file of `reports/assets`."""
    return (files("reports") / "assets" / name).read_text(encoding="utf-8")
