"""Pages name files that are there."""

from __future__ import annotations

import re

import pytest

from tests.test_rooms import ROOMS, ROOT

_FOLDERS = (*ROOMS, "tests", "docs", "benchmarks")
_PATH = re.compile(rf"\b(?:{'|'.join(_FOLDERS)})/[\w/.-]*[\w/]")


PAGES = [
    "CONTRIBUTING.md",
    "README.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {name.rstrip(".") for name in _PATH.findall(text) if not name.startswith("docs/images/")}
    assert [name for name in sorted(named) if not _exists(name)] == []


def _exists(name: str) -> bool:
    return (ROOT / name).exists() or name in EXAMPLES


EXAMPLES = {"reports/mine.py"}


def test_the_drawing_of_the_folders_is_that_of_the_tree() -> None:
    """Every folder of code of the three large rooms stands in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for room in ("search", "snncore", "reports"):
        for folder in sorted(path.parent for path in (ROOT / room).glob("*/__init__.py")):
            assert f"{folder.name}/" in text, folder


def test_a_missing_file_would_be_seen() -> None:
    assert _PATH.findall("see `search/tune/loop.py`, and docs/x.md.") == ["search/tune/loop.py", "docs/x.md"]
    assert not _exists("search/ledger.py")
