"""A study goes on from its storage alone, with the real engine."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import reports.build
from search.engine import run_search
from search.errors import SearchError
from search.options import RunOptions
from search.record import rebuild
from search.result import SearchResult
from spaces.space import Space
from studies.pareto import front
from studies.record import read_study
from tests.search.fakes import TRAINER, Budget, Resources, make_space, starts

OLD_JOURNAL = Path(__file__).parents[1] / "data" / "journal_before_probes.jsonl"

pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real report takes a second to write; tests/reports looks at it."""
    monkeypatch.setattr(reports.build, "build_report", lambda study, run_folder: run_folder)


def _search(folder: Path, space: Space | None, **options: Any) -> SearchResult:
    values = {"study": "toy", "out": str(folder / "runs"), "show": False, "trainer": TRAINER, **options}
    return run_search(space, RunOptions(**values))


@pytest.mark.slow
def test_a_lost_run_folder_is_no_loss_where_a_database_holds_the_study(tmp_path: Path) -> None:
    """`--storage URL --resume --study toy --trials 5` on a machine that has never seen the study."""
    url = f"sqlite:///{tmp_path}/study.db"
    first = _search(
        tmp_path, make_space(tmp_path / "data", budget=Budget(3), resources=Resources(2, 0)), storage=url
    )
    folder = first.folder.path
    files = {path.name for path in folder.iterdir() if path.is_file()}
    shutil.rmtree(folder)
    again = _search(tmp_path, None, storage=url, resume=True, trials=5)
    assert again.study.trials[:3] == first.study.trials
    assert Counter(trial.state for trial in again.study.trials) == {"complete": 5}
    assert len(starts(tmp_path / "data")) == 5
    assert read_study(folder) == again.study
    assert {path.name for path in folder.iterdir() if path.is_file()} == files
    named = _search(tmp_path, None, resume=True)
    assert named.study.trials == again.study.trials


def test_a_resume_that_finds_nothing_to_do_leaves_the_record_as_it_was(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data", budget=Budget(3), resources=Resources(2, 0))
    first = _search(tmp_path, space)
    again = _search(tmp_path, space, resume=True)
    assert again.study == first.study
    assert _search(tmp_path, None, resume=True, seed=9).study == first.study
    with pytest.raises(SearchError, match="--trials: got 2, but the study has 3 already"):
        _search(tmp_path, None, resume=True, trials=2)
    assert read_study(first.folder.path) == first.study
    more = _search(tmp_path, None, resume=True, trials=4, seed=9)
    assert len(more.study.trials) == 4
    assert more.study.info.space["sampler"]["seed"] == 9
    assert more.study.info.finished_at > first.study.info.finished_at  # type: ignore[operator]


@pytest.mark.slow
def test_a_study_begun_before_probes_and_replicates_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded by the version before them, with the same trainer; its driver was killed in two trials."""
    monkeypatch.chdir(tmp_path)
    journal = tmp_path / "runs" / "toy" / "journal.log"
    journal.parent.mkdir(parents=True)
    shutil.copy(OLD_JOURNAL, journal)
    rebuild(journal.parent)
    before = read_study(journal.parent)
    assert Counter(trial.state for trial in before.trials) == {"complete": 4, "running": 2}
    after = _search(tmp_path, None, resume=True, replicates=1).study
    assert {trial.state for trial in after.trials} == {"complete"}
    for then, now in zip(before.trials, after.trials, strict=False):
        assert (now.params, now.config) == (then.params, then.config)
        assert now.attempts == then.attempts + (then.state == "running")
        assert then.state == "running" or now.values == then.values
    assert {trial.replicate_of for trial in after.trials[6:]} == {trial.number for trial in front(after)}
