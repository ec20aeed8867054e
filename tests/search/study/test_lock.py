"""Who may drive a study where there is no server; `test_postgresql` has the other case."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import SearchError
from search.study.drivers import OneDriver
from search.study.folder import RunFolder
from search.study.lock import lock_study


@pytest.mark.parametrize("url", [None, "sqlite:///{}/study.db", "sqlite://", "no url"])
def test_one_driver_a_run_folder(tmp_path: Path, url: str | None) -> None:
    folder = RunFolder.of(tmp_path / "runs", "toy")
    url = url and url.format(tmp_path)
    with lock_study(folder, url) as drivers:
        assert isinstance(drivers, OneDriver)
        assert drivers.is_alive(drivers.me)
        assert not drivers.is_alive(7)
        with pytest.raises(SearchError, match="another process runs this study"), lock_study(folder, url):
            pass
    with lock_study(folder, url), lock_study(RunFolder.of(tmp_path / "runs", "other"), url):
        pass


def test_what_a_killed_driver_left_goes(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "toy")
    left = [".tune/study", ".trials.parquet.0a1b2c3d.tmp", "front/.trial-0001.yaml.0a1b2c3d.tmp"]
    kept = ["trials.parquet", "journal.log", "front/trial-0001.yaml", ".report.html.0a1b2c3d.tmp"]
    for name in [*left, *kept]:
        (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.path / name).touch()
    with lock_study(folder, None):
        there = {str(path.relative_to(folder.path)) for path in folder.path.rglob("*")}
    assert there == {*kept, "front", ".lock"}


def test_one_driver_a_study_in_a_file_wherever_the_run_folders_are(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    here, there = (RunFolder.of(tmp_path / runs, "toy") for runs in ("here", "there"))
    message = r"study\.db: another process runs study 'toy' in it"
    with lock_study(here, url), pytest.raises(SearchError, match=message), lock_study(there, url):
        pass
    here.path.mkdir(parents=True)
    here.storage_url.write_text(url)
    with lock_study(here, None), pytest.raises(SearchError, match=message), lock_study(there, url):
        pass
    with lock_study(there, url):
        pass


def test_a_file_in_no_folder_is_a_user_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/missing/study.db"
    with (
        pytest.raises(SearchError, match=r"--storage: .*study\.db cannot be used: "),
        lock_study(RunFolder.of(tmp_path, "toy"), url),
    ):
        pass
