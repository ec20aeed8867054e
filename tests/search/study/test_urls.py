from __future__ import annotations

from pathlib import Path

import pytest

from search.study.urls import absolute, cannot_be_opened, file_of, is_server, with_driver, without_password


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me@host/db", True),
        ("postgresql+psycopg2://me@host/db", True),
        ("mysql+pymysql://me@host/db", True),
        ("mariadb+pymysql://me@host/db", True),
        ("sqlite:////abs/study.db", False),
        ("journal.log", False),
        ("", False),
    ],
)
def test_which_databases_are_servers(url: str, expected: bool) -> None:
    assert is_server(url) is expected


def test_the_file_of_a_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_of("sqlite:////abs/study.db") == Path("/abs/study.db")
    assert file_of("sqlite:///study.db") == tmp_path / "study.db"
    assert [file_of(url) for url in ("sqlite://", "sqlite:///:memory:", "postgresql://h/d", "x")] == [
        None
    ] * 4


def test_a_file_is_named_from_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("sqlite:///study.db") == f"sqlite:///{tmp_path}/study.db"
    assert absolute("sqlite:///study.db?timeout=9") == f"sqlite:///{tmp_path}/study.db?timeout=9"
    for url in ("sqlite:////abs/study.db", "sqlite://", "sqlite:///file:x.db?uri=true", "postgresql://h/d"):
        assert absolute(url) == url


def test_only_a_driver_that_is_not_named_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    assert with_driver("postgresql://me@h/d") == "postgresql+psycopg://me@h/d"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for url in ("postgresql://me@h/d", "postgresql+psycopg2://me@h/d", "sqlite:////x.db", "no url"):
        assert with_driver(url) == url


def test_a_missing_driver_says_what_to_install() -> None:
    url = "postgresql://me:secret@h/d"
    message = str(cannot_be_opened(url, ImportError("No module named 'psycopg2'")))
    assert message.endswith(
        "cannot be opened: No module named 'psycopg2'; pip install 'spikefront[postgresql]'"
    )
    assert "secret" not in message
    assert without_password(url) in message
