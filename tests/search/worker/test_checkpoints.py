"""Checkpoints below a URI: whole or none, the newest first, two kept, whatever the network does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from search.errors import SearchError
from search.worker import checkpoints, remote_checkpoints
from search.worker.checkpoint_place import CheckpointPlace, place_problem, require_place, study_place
from search.worker.checkpoints import CheckpointKeeper, epochs_saved, is_uri
from search.worker.jobs import Job, Report
from search.worker.remote_checkpoints import DamagedCheckpointError, RemoteCheckpoints, child_uri
from search.worker.trial_run import TrialRun
from studies.text import trial_stem
from tests.search.fakes import FakeSession, make_space
from tests.search.worker.test_trial_run import _job, _reports

URIS = {"file": "file://{folder}/bucket/toy/trial-0007", "mock": "mock:///bucket{folder}/toy/trial-0007"}


@pytest.fixture(params=sorted(URIS))
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return URIS[request.param].format(folder=tmp_path)


@pytest.fixture(autouse=True)
def _save_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(checkpoints, "UPLOAD_SHARE", 1e9)


def _folder(path: Path, text: str) -> Path:
    """A checkpoint with a file in a folder of its own, an empty one, and one of more than a chunk."""
    (path / "deep").mkdir(parents=True)
    (path / "state.json").write_text(text)
    (path / "deep" / "empty").touch()
    (path / "large").write_bytes(text.encode() * (2 * remote_checkpoints.CHUNK_BYTES // len(text)))
    return path


def _names(uri: str) -> list[str]:
    files, path = remote_checkpoints.open_uri(uri)
    found = files.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return sorted(info.base_name for info in found)


def _session(epochs_trained: int) -> FakeSession:
    session = FakeSession(make_space().resolve({"T": 1, "model.width": 1.0}))
    session.epochs_trained = epochs_trained
    return session


def _restored(uri: str) -> int:
    return CheckpointKeeper(uri).restore(lambda: _session(0)).epochs_trained


def test_what_is_put_comes_back(uri: str, tmp_path: Path) -> None:
    remote = RemoteCheckpoints(uri)
    assert remote.newest_first() == []
    put = _folder(tmp_path / "put", "abc")
    remote.put(3, put)
    (name,) = remote.newest_first()
    assert name.startswith("epoch-0003-")
    remote.get(name, tmp_path / "got")
    for path in put.rglob("*"):
        if path.is_file():
            assert (tmp_path / "got" / path.relative_to(put)).read_bytes() == path.read_bytes()


def test_the_newest_comes_first_beyond_four_digits(uri: str, tmp_path: Path) -> None:
    remote = RemoteCheckpoints(uri)
    for epoch in (9999, 10_000, 9):
        remote.put(epoch, _folder(tmp_path / str(epoch), "x"))
    assert [name.rpartition("-")[0] for name in remote.newest_first()] == [
        "epoch-10000", "epoch-9999", "epoch-0009",
    ]  # fmt: skip


def test_the_same_epoch_twice_overwrites_nothing(uri: str, tmp_path: Path) -> None:
    """As after a restart that trains an epoch again: a torn second upload must not harm the first."""
    remote = RemoteCheckpoints(uri)
    remote.put(3, _folder(tmp_path / "a", "first"))
    remote.put(3, _folder(tmp_path / "b", "second"))
    assert len(remote.newest_first()) == 2


def test_an_upload_that_dies_before_its_manifest_is_no_checkpoint(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = CheckpointKeeper(uri)
    keeper.save(_session(1))
    whole = _names(uri)

    def dies(value: Any) -> str:
        raise MemoryError("killed here")

    monkeypatch.setattr(remote_checkpoints.json, "dumps", dies)
    with pytest.raises(MemoryError):
        RemoteCheckpoints(uri).put(2, _folder(tmp_path / "b", "torn"))
    monkeypatch.undo()
    assert len(_names(uri)) > len(whole)
    assert _restored(uri) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder, manifest: manifest.write_bytes(manifest.read_bytes()[:-5]),
        lambda folder, manifest: manifest.write_text("[]"),
        lambda folder, manifest: manifest.write_text('{"files": {"state.json": 3}}'),
        lambda folder, manifest: manifest.write_bytes(b"\xff\xfe"),
        lambda folder, manifest: (folder / "state.json").write_text("x"),
        lambda folder, manifest: (folder / "state.json").write_text('{"epochs_trained": 7}'),
        lambda folder, manifest: (folder / "state.json").unlink(),
        lambda folder, manifest: shutil.rmtree(folder),
        lambda folder, manifest: manifest.write_text(
            json.dumps({"files": {"../../outside": [1, "0"], **json.loads(manifest.read_text())["files"]}})
        ),
    ],
    ids=["cut", "no mapping", "no pairs", "no text", "short", "other", "file gone", "all gone", "outside"],
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, damage: Callable[[Path, Path], Any]
) -> None:
    uri = URIS["file"].format(folder=tmp_path)
    keeper = CheckpointKeeper(uri)
    for epoch in (1, 2):
        keeper.save(_session(epoch))
    place = tmp_path / "bucket" / "toy" / "trial-0007"
    (manifest,) = place.glob("epoch-0002-*.json")
    damage(place / manifest.stem, manifest)
    with pytest.raises(DamagedCheckpointError):
        RemoteCheckpoints(uri).get(manifest.stem, tmp_path / "got")
    assert _restored(uri) == 1
    assert not (tmp_path / "outside").exists()


def test_nothing_there_or_nothing_usable_starts_anew(uri: str, tmp_path: Path) -> None:
    assert _restored(uri) == 0
    RemoteCheckpoints(uri).put(4, _folder(tmp_path / "a", "no state of the fake"))
    assert _restored(uri) == 0


def test_two_are_kept_and_what_dead_uploads_left_goes(uri: str) -> None:
    files, path = remote_checkpoints.open_uri(uri)
    files.create_dir(f"{path}/epoch-0001-00000000", recursive=True)
    with files.open_output_stream(f"{path}/epoch-0001-00000000/half") as stream:
        stream.write(b"x")
    with files.open_output_stream(f"{path}/notes.txt") as stream:
        stream.write(b"not ours")
    keeper = CheckpointKeeper(uri)
    for epoch in (1, 2, 3, 4):
        keeper.save(_session(epoch))
    names = [name.rpartition("-")[0] for name in _names(uri) if name != "notes.txt"]
    assert names == ["epoch-0003", "epoch-0003", "epoch-0004", "epoch-0004"]
    assert "notes.txt" in _names(uri)


def test_a_network_that_fails_does_not_stop_the_training(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = CheckpointKeeper(uri)
    keeper.save(_session(1))

    def fails(self: RemoteCheckpoints, epoch: int, folder: Path) -> None:
        raise OSError("AWS Error NETWORK_CONNECTION during PutObject")

    with monkeypatch.context() as patch:
        patch.setattr(RemoteCheckpoints, "put", fails)
        keeper.save(_session(2))
    assert _restored(uri) == 1
    keeper.save(_session(3))
    assert _restored(uri) == 3


def test_a_folder_that_takes_no_checkpoint_does_not_stop_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file lies where the folder should be, until somebody removes it: told once, and tried again."""
    place = tmp_path / "trial-0007"
    place.touch()
    keeper = CheckpointKeeper(place)
    for epoch in (1, 2):
        keeper.save(_session(epoch))
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [str(place)]
    assert "no checkpoint written, training continues" in caplog.text
    place.unlink()
    keeper.save(_session(3))
    assert epochs_saved(place) == [3]


def test_a_trained_trial_is_complete_without_its_last_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "trial-0007").touch()
    end = _reports(TrialRun(_job(tmp_path)))[-1]
    assert (end.state, end.reason) == ("complete", None)
    assert end.metrics["val_accuracy"] > 0


@pytest.mark.parametrize("step", ["newest_first", "_download"])
def test_a_place_that_cannot_be_read_is_no_reason_to_start_anew(
    uri: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    CheckpointKeeper(uri).save(_session(5))

    def fails(self: RemoteCheckpoints, *rest: Any) -> None:
        raise OSError("AWS Error NETWORK_CONNECTION during GetObject")

    monkeypatch.setattr(RemoteCheckpoints, step, fails)
    with pytest.raises(OSError, match="NETWORK_CONNECTION"):
        _restored(uri)


def test_a_slow_upload_is_followed_by_a_pause(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "UPLOAD_SHARE", 1e-6)
    keeper = CheckpointKeeper(uri)
    for epoch in (1, 2, 3):
        keeper.save(_session(epoch))
    assert _restored(uri) == 1
    keeper.save(_session(4), final=True)
    assert _restored(uri) == 4


def test_a_trial_goes_on_elsewhere_from_below_a_uri(uri: str, tmp_path: Path) -> None:
    def job() -> Job:
        return _job(tmp_path, checkpoints=uri, epochs=5)

    def epochs(reports: list[Report]) -> list[int]:
        return [report.row["epoch"] for report in reports if report.row]

    assert epochs(_reports(TrialRun(job()), 4)) == [1, 2, 3]
    assert epochs(_reports(TrialRun(job()))) == [3, 4, 5]
    assert not list(tmp_path.glob("epoch-*"))


def test_a_plain_folder_loads_no_pyarrow(tmp_path: Path) -> None:
    code = f"""
import sys
from search.worker.checkpoints import CheckpointKeeper
from search.worker.checkpoint_place import CheckpointPlace
from tests.search.fakes import FakeSession
keeper = CheckpointKeeper({str(tmp_path)!r}, 0.0)
keeper.save(FakeSession({{}}))
keeper.restore(lambda: FakeSession({{}}))
CheckpointPlace({str(tmp_path)!r}).remove([1])
print("pyarrow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_place_of_a_study_names_its_trials_and_removes_them(uri: str) -> None:
    base = uri.rpartition("/")[0]
    place = CheckpointPlace(base)
    for number in (1, 2, 3):
        CheckpointKeeper(place.trial(number)).save(_session(number))
    place.remove([1, 3, 99])
    assert _names(base) == ["trial-0002"]
    assert _restored(place.trial(2)) == 2


def test_a_folder_beside_the_run_folder_is_a_place_too(tmp_path: Path) -> None:
    place = study_place(
        str(tmp_path / "shared"), tmp_path / "runs", "toy", "2026-01-02T03:04:05.678901+00:00"
    )
    assert place.base == str(tmp_path / "shared" / "toy-20260102030405678901")
    for number in (1, 2):
        CheckpointKeeper(place.trial(number)).save(_session(5))
    assert epochs_saved(Path(place.trial(1))) == [5]
    place.remove([1])
    assert [path.name for path in Path(place.base).iterdir()] == ["trial-0002"]
    place.remove([1, 2])
    assert list(Path(place.base).iterdir()) == []
    assert study_place(None, tmp_path, "toy", "").base == str(tmp_path / "checkpoints")


def test_two_studies_of_one_name_never_share_checkpoints(tmp_path: Path) -> None:
    bases = {
        study_place(chosen, tmp_path, "toy", f"2026-01-02T03:04:05.00000{count}+00:00").base
        for chosen in (str(tmp_path / "shared"), f"file://{tmp_path}/bucket")
        for count in (1, 2)
    }
    assert len(bases) == 4


def test_removing_looks_at_each_trial_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = CheckpointPlace(f"file://{tmp_path}/toy")
    listed = []

    def names(uri: str) -> list[str]:
        listed.append(uri)
        if len(listed) == 1:
            raise OSError("no network")
        return []

    monkeypatch.setattr(remote_checkpoints, "list_names", names)
    place.remove([1, 2])  # fails, and is tried again
    place.remove([1, 2])
    place.remove([1, 2])
    place.remove([2, 1, 3])
    assert len(listed) == 3


@pytest.mark.parametrize("at", ["here", "elsewhere"])
def test_one_that_cannot_be_removed_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    place = CheckpointPlace(str(tmp_path / "toy") if at == "here" else f"file://{tmp_path}/toy")
    module, name = (shutil, "rmtree") if at == "here" else (remote_checkpoints, "remove_folder")
    remove = getattr(module, name)
    for number in (1, 2, 3):
        (tmp_path / "toy" / trial_stem(number)).mkdir(parents=True)

    def busy(*place: Any) -> None:
        if str(place[-1]).endswith(trial_stem(2)):
            raise OSError(16, "Device or resource busy")
        remove(*place)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, busy)
        place.remove([1, 2, 3])
    assert [path.name for path in (tmp_path / "toy").iterdir()] == [trial_stem(2)]
    place.remove([1, 2, 3])
    assert list((tmp_path / "toy").iterdir()) == []


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("nonsense://bucket/x", r"got 'nonsense://bucket/x': cannot be written: .*nonsense"),
        ("file:///proc/nothing/here", r"cannot be written: .*allowed: a folder, or a URI"),
        ("/proc/nothing/here", r"cannot be written: .*allowed: a folder, or a URI"),
        ("s3://me:secret@bucket/x", r"a URI with a password in it"),
    ],
)
def test_a_place_that_cannot_be_used_is_refused_in_one_line(
    chosen: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SearchError, match=f"--checkpoints: .*{message}") as caught:
        study_place(chosen, tmp_path, "toy", "2026")
    assert len(str(caught.value).splitlines()) == 1
    assert "secret" not in str(caught.value)


def test_a_place_that_can_be_written_is_left_clean(uri: str, tmp_path: Path) -> None:
    require_place(uri)
    assert _names(uri) == []
    assert place_problem(str(tmp_path / "new")) is None
    assert list((tmp_path / "new").iterdir()) == []


def test_uris() -> None:
    assert is_uri("s3://bucket/x")
    assert not is_uri("/shared/x")
    assert child_uri("s3://bucket/x/", "trial-0001") == "s3://bucket/x/trial-0001"
    assert child_uri("s3://bucket?region=eu-west-1", "toy") == "s3://bucket/toy?region=eu-west-1"


def test_options_of_a_uri_reach_the_file_system() -> None:
    files, path = remote_checkpoints.open_uri("s3://bucket/toy/trial-0001?region=eu-west-1&scheme=http")
    assert (files.type_name, files.region, path) == ("s3", "eu-west-1", "bucket/toy/trial-0001")
