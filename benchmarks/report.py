"""How large the report of a big study is, how long it takes to build, and to open in a browser.

    python -m benchmarks.report                        # 1,000 and 20,000 trials of 30 epochs
    python -m benchmarks.report --trials 1000 --n 5

Each study is made up from a seed, written as a record and read again; above `EPOCHS_OF` trials only the last
so many have epochs. The page is opened in Chromium without a network; a view is usable when the sentences and
the first figure stand (`data-ready`). Medians of --n openings, each in a new browser.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.made_study import made_study
from benchmarks.table import markdown, write_json
from reports.build import build_report
from search.cluster.machine import describe_machine
from studies.record import read_study, write_study

LIMITS = {1000: (2.5, 8.0), 20_000: (4.0, 12.0)}
"""Seconds until the page is usable, and megabytes, that a study of so many trials may take."""

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass(frozen=True)
class Opening:
    """parsed_s: until the scripts have run; usable_s: until sentences and first figure stand."""

    parsed_s: float
    usable_s: float


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, nargs="+", default=sorted(LIMITS), help="sizes of the studies")
    parser.add_argument("--epochs", type=int, default=30, help="of each trial that has any")
    parser.add_argument("--n", type=int, default=3, help="openings of each page")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the pages there")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured to this file too")
    arguments = parser.parse_args(argv)
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(arguments.keep or made)
        rows = [measured(n, arguments, folder / f"report-{n}") for n in arguments.trials]
    print(table(rows))
    write_json(arguments, "report", {"machine": machine}, rows)
    return 0


def measured(n_trials: int, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    write_study(made_study(n_trials, arguments.epochs), folder)
    study = read_study(folder)
    began = time.perf_counter()
    path = build_report(study, folder)
    build_s = time.perf_counter() - began
    openings = [opened(path) for _ in range(arguments.n)]
    return {
        "trials": n_trials,
        "epochs": len(study.epochs),
        "mb": path.stat().st_size / 1e6,
        "build_s": build_s,
        "parsed_s": statistics.median(opening.parsed_s for opening in openings),
        "usable_s": statistics.median(opening.usable_s for opening in openings),
        "usable_all_s": [opening.usable_s for opening in openings],
        "limits": LIMITS.get(n_trials),
    }


def opened(path: Path) -> Opening:
    """One opening, timed by the browser's own clock from the start of the navigation."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_offline(True)
        page = context.new_page()
        page.add_init_script(
            """new MutationObserver((_, observer) => {
                if (document.documentElement?.dataset.ready) {
                    window.usableAt = performance.now();
                    observer.disconnect();
                }
            }).observe(document, {attributes: true, subtree: true, attributeFilter: ["data-ready"]});"""
        )
        page.goto(path.as_uri())
        page.wait_for_function("window.usableAt", timeout=120_000)
        loaded = "performance.getEntriesByType('navigation')[0].domInteractive"
        times = page.evaluate(f"[{loaded}, window.usableAt]")
        browser.close()
    return Opening(times[0] / 1000, times[1] / 1000)


def table(rows: list[dict[str, Any]]) -> str:
    header = ("trials", "epochs", "MB", "built (s)", "parsed (s)", "usable (s)", "limit")
    cells = [
        (
            f"{row['trials']:,}",
            f"{row['epochs']:,}",
            f"{row['mb']:.1f}",
            f"{row['build_s']:.1f}",
            f"{row['parsed_s']:.2f}",
            f"{row['usable_s']:.2f}",
            "–" if row["limits"] is None else "{} s, {} MB".format(*row["limits"]),
        )
        for row in rows
    ]
    return markdown(header, cells)


if __name__ == "__main__":
    raise SystemExit(main())
