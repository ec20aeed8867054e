"""A browser for the tests of the page: Debian's Chromium, headless, without a network."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports.build import build_report
from studies.model import Study, StudyInfo
from tests.reports.studies_for_tests import digits_study, real_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NO_WEBGL = "--disable-software-rasterizer"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1024, "height": 700}}
SMALL = {"viewport": {"width": 600, "height": 600}}
"""Few pixels: without a GPU, drawing in space costs by the pixel."""

WAIT_MS = 60_000


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Browser]]:
    """Gives a Chromium with further arguments; tests that ask for the same ones share it."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started, ExitStack() as stack:

        @cache
        def launched(*arguments: str) -> Browser:
            running = started.chromium.launch(executable_path=executable, args=[*ARGUMENTS, *arguments])
            stack.callback(running.close)
            return running

        yield launched


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Browser]) -> Browser:
    """Draws no figure in space and no parallel coordinates: without a GPU each costs a second."""
    return launch(NO_WEBGL)


NO_STUDY = Study(StudyInfo("", {}, ()), ())


@dataclass
class Opened:
    """A page in the browser, with everything that went wrong in it; the study is that of a report."""

    page: Page
    path: Path
    study: Study = NO_STUDY
    errors: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note every error, dialog and request for anything but the file itself."""
        note = self.errors.append

        def dismiss(dialog: Dialog) -> None:
            note(f"dialog: {dialog.message}")
            dialog.dismiss()

        self.page.on("pageerror", lambda error: note(str(error)))
        self.page.on("dialog", dismiss)
        self.page.on("console", lambda said: note(said.text) if said.type == "error" else None)
        local = ("file:", "data:", "blob:")
        self.page.on("request", lambda asked: None if asked.url.startswith(local) else note(asked.url))

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

    def draw(self, *names: str) -> None:
        """Draw these figures as a reader does, by scrolling to them: those in space take a second each."""
        for name in names:
            self.plot(name, "plot.scrollIntoView({block: 'center', behavior: 'instant'})")
            drawn = f"[data-figure='{name}'][data-drawn='true']"
            self.page.wait_for_selector(drawn, state="attached", timeout=WAIT_MS)

    def plot(self, name: str, expression: str) -> Any:
        """The value of a JavaScript expression over `plot`, the element of a figure."""
        find = "document.querySelector(`[data-figure='${name}']`)"
        return self.page.evaluate(f"(name) => {{ const plot = {find}; return {expression}; }}", name)


def chosen(opened: Opened) -> list[int]:
    """The numbers of the chosen trials, in the order of choosing."""
    numbers: list[int] = opened.page.evaluate("spikefront.selection.numbers")
    return numbers


def wait_for_marks(opened: Opened, figure: str, numbers: list[int]) -> None:
    """Wait until a figure of the front marks these trials as chosen, in this order."""
    opened.page.wait_for_function(
        """([figure, numbers]) => {
            const {data} = document.querySelector(`[data-figure='${figure}']`);
            return String(data.find((one) => one.name === "selected").customdata) === String(numbers);
        }""",
        arg=[figure, numbers],
    )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Study], Path]:
    """Gives the file of a study's report; equal studies share one, in a folder of its own."""
    paths: dict[str, Path] = {}

    def report(study: Study) -> Path:
        key = hashlib.sha256(pickle.dumps(study)).hexdigest()
        if key not in paths:
            paths[key] = build_report(study, tmp_path_factory.mktemp("report"))
        return paths[key]

    return report


@contextmanager
def opening(browser: Browser, path: Path, study: Study, query: str = "", **options: Any) -> Iterator[Opened]:
    """A study's report, opened in a new profile without a network."""
    with closing(browser.new_context(**(DESKTOP | options))) as context:
        context.set_offline(True)
        opened = Opened(context.new_page(), path, study)
        opened.watch()
        opened.page.goto(path.as_uri() + query)
        opened.page.wait_for_selector("html[data-ready='true']", timeout=WAIT_MS)
        yield opened


@pytest.fixture
def open_report(
    launch: Callable[..., Browser], built: Callable[[Study], Path]
) -> Iterator[Callable[..., Opened]]:
    """Opens the report of a study until the end of the test, on demand with what needs WebGL."""
    with ExitStack() as stack:

        def opened(study: Study, query: str = "", webgl: bool = False, **options: Any) -> Opened:
            browser = launch() if webgl else launch(NO_WEBGL)
            return stack.enter_context(opening(browser, built(study), study, query, **options))

        yield opened


MADE: dict[str, Callable[[], Study]] = {"synthetic": lambda: digits_study(40), "real": real_study}


@pytest.fixture(params=["real", pytest.param("synthetic", marks=pytest.mark.slow)])
def study(request: pytest.FixtureRequest) -> Study:
    """A search on digits: one that was run, and one made up with trials of every state."""
    return MADE[request.param]()


@pytest.fixture(scope="session", params=["synthetic", pytest.param("real", marks=pytest.mark.slow)])
def digits(
    request: pytest.FixtureRequest, launch: Callable[..., Browser], built: Callable[[Study], Path]
) -> Iterator[Opened]:
    """The report of a search on digits, all figures drawn; shared by the tests that only look."""
    study = MADE[request.param]()
    with opening(launch(), built(study), study) as opened:
        opened.figures = opened.draw_all()
        yield opened
