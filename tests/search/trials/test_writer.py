"""What a driver writes at its beginning and end about a study that others share with it. No Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from search.engine import _OpenStudy, _StudySetup
from search.errors import StudyFailedError
from search.options import RunOptions
from search.propose.proposer import Proposer
from search.study.attributes import StudyAttributes
from search.study.drivers import OneDriver
from search.study.folder import RunFolder
from search.study.opening import create, open_existing
from search.trials import writer as writer_module
from studies.record import read_study
from tests.search.fakes import Budget, make_space
from tests.search.stores import complete

ALIVE = {1, 2}


class _Many(OneDriver):
    """One of two drivers in one process."""

    are_many = True
    is_exclusive = False

    def __init__(self, me: int) -> None:
        self.me = me

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        assert not _Many.is_exclusive
        _Many.is_exclusive = True
        try:
            yield
        finally:
            _Many.is_exclusive = False

    def is_alive(self, driver: int) -> bool:
        return driver in ALIVE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(writer_module, "write_report", lambda record, folder: (None, None))
    folder = RunFolder.of(tmp_path, "toy")
    folder.path.mkdir()
    return folder


def _opened(folder: RunFolder, attributes: StudyAttributes, me: int) -> _OpenStudy:
    setup = _StudySetup(make_space(), attributes, open_existing(folder)[0], folder, _Many(me), RunOptions())
    return _OpenStudy.of(setup, setup.study)


def _two(folder: RunFolder) -> tuple[_OpenStudy, _OpenStudy]:
    """A driver, and one that joined it later with a larger budget; each has its own copy of what holds."""
    space = make_space(budget=Budget(50))
    attributes = StudyAttributes.of("toy", space)
    create(folder, None, attributes)
    first = _opened(folder, attributes, 1)
    wider = replace(attributes.with_space(replace(space, budget=Budget(100))), keep_checkpoints="all")
    second = _opened(folder, wider, 2)
    second.continue_study()
    return first, second


def test_the_first_driver_to_end_leaves_the_study_as_a_later_one_made_it(folder: RunFolder) -> None:
    first, second = _two(folder)
    with second.store.exclusive():
        trial = Proposer(second.store, second.setup.space).next()
    assert trial is not None
    ended = first.close("budget")
    now = StudyAttributes.of_begun(second.study)
    assert (now.space["budget"], now.keep_checkpoints) == ({"trials": 100}, "all")
    assert now.finished_at is None, "the other one is at work"
    assert ended.study.info.space["budget"] == {"trials": 100}
    assert read_study(folder.path) == ended.study
    complete(second.store, trial)
    assert second.close("budget").study.info.finished_at is not None
    assert StudyAttributes.of_begun(first.study).space["budget"] == {"trials": 100}


def test_a_driver_that_died_does_not_keep_a_study_from_its_end(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _two(folder)
    with second.store.exclusive():
        assert Proposer(second.store, second.setup.space).next() is not None
    monkeypatch.setattr(f"{__name__}.ALIVE", {1})
    assert first.close("interrupted").study.info.finished_at is not None


def test_what_holds_for_a_study_is_written_in_an_exclusive_section(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = _two(folder)
    write, is_exclusive = StudyAttributes.write, []

    def note(attributes: StudyAttributes, study: Any) -> None:
        is_exclusive.append(_Many.is_exclusive)
        write(attributes, study)

    monkeypatch.setattr(StudyAttributes, "write", note)
    first.continue_study()
    first.close("budget")
    assert is_exclusive == [True, True]


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), optuna.exceptions.StorageInternalError("No space left on disk")],
)
def test_a_last_write_that_finds_no_room_is_reported_in_one_line(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    first, _ = _two(folder)

    def full(record: Any, folder: Any) -> None:
        raise error

    monkeypatch.setattr(writer_module, "write_record", full)
    with pytest.raises(StudyFailedError, match=r"its storage or record cannot be written: .*No space left"):
        first.close("budget")
