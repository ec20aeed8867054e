"""A browser for the tests of the page: Debian's Chromium, headless, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports.build import build_report
from studies.model import Study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
WAIT_MS = 60_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield running
        running.close()


@dataclass
class Opened:
    """A report in the browser, with everything that went wrong in it."""

    page: Page
    path: Path
    errors: list[str] = field(default_factory=list)

    def draw_all(self) -> list[str]:
        """Draw every figure and give back their names; fails when one is not marked as drawn."""
        self.page.evaluate("window.spikefront.drawAll()")
        self.page.wait_for_function(
            "[...document.querySelectorAll('.plot')].every((plot) => plot.dataset.drawn === 'true')",
            timeout=WAIT_MS,
        )
        names: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('.plot')].map((plot) => plot.dataset.figure)"
        )
        return names

    def plot(self, name: str, expression: str) -> Any:
        """The value of a JavaScript expression over `plot`, the element of a figure."""
        code = f"(name) => {{ const plot = document.querySelector(`[data-figure='${{name}}']`); return {expression}; }}"
        return self.page.evaluate(code, name)


@pytest.fixture
def open_report(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Builds the report of a study and opens it in a new profile without a network."""
    contexts = []

    def open_it(study: Study, query: str = "", **options: Any) -> Opened:
        path = build_report(study, tmp_path / "run")
        context = browser.new_context(**(DESKTOP | options))
        contexts.append(context)
        context.set_offline(True)
        opened = Opened(context.new_page(), path)
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.on("dialog", lambda dialog: (opened.errors.append("dialog"), dialog.dismiss()))
        opened.page.on(
            "console", lambda said: opened.errors.append(said.text) if said.type == "error" else None
        )
        opened.page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(("file:", "data:", "blob:")) else opened.errors.append(asked.url)
            ),
        )
        opened.page.goto(path.as_uri() + query)
        opened.page.wait_for_selector("html[data-ready='true']", timeout=WAIT_MS)
        return opened

    yield open_it
    for context in contexts:
        context.close()
