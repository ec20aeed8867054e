from __future__ import annotations

import gzip
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from snncore.config.schema import DataConfig
from snncore.data.events.files import EVENT_FILES
from snncore.data.install.install import install
from snncore.data.missing import find_problem
from snncore.errors import DataError
from tests.snncore.data.events.fixtures import (
    aedat2_bytes,
    nmnist_bytes,
    random_stream,
    write_cifar10_dvs,
    write_nmnist,
)
from tests.snncore.data.events.test_missing import WRITERS
from tests.snncore.data.fixtures import garble

COUNTS = {
    "cifar10_dvs": "20 training and 10 test recordings",
    "dvs_gesture": "22 training and 11 test recordings",
    "nmnist": "20 training and 10 test recordings",
    "shd": "40 training and 20 test recordings",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def told(name: str, root: Path, source: Path | None = None) -> list[str]:
    """Install, and return what was reported."""
    lines: list[str] = []
    assert install(name, root, source, lines.append) == root / EVENT_FILES[name].folder
    assert not list(root.glob(".installing-*"))
    return lines


def refused(message: str, name: str, root: Path, source: Path | None = None) -> None:
    with pytest.raises(DataError, match=message):
        install(name, root, source, lambda line: None)
    assert not list(root.glob("*"))
    assert not list(root.glob(".*"))


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def zipped(paths: list[Path], archive: Path, base: Path) -> Path:
    with ZipFile(archive, "w") as packed:
        for path in sorted(paths):
            packed.write(path, path.relative_to(base))
    return archive


def tarred(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, folder.name)
    return archive


def pack(name: str, hand: Path) -> None:
    """The set in `hand`, in the archives in which it is published instead of its folder."""
    folder = hand / EVENT_FILES[name].folder
    for part, archives in zip(EVENT_FILES[name].parts, EVENT_FILES[name].archives, strict=True):
        archive = hand / archives[0]
        if archive.name.endswith(".tar.gz"):
            tarred(folder / part, archive)
        else:
            paths = [folder / part] if (folder / part).is_file() else list((folder / part).rglob("*.*"))
            zipped(paths, archive, folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize("form", ["archives", "one archive", "parts", "root", "file"])
@pytest.mark.parametrize("name", sorted(WRITERS))
def test_from_every_form_at_hand(tmp_path: Path, root: Path, name: str, form: str) -> None:
    hand = tmp_path / "hand"
    folder = WRITERS[name](hand)
    expected = content(folder)
    source = folder if form == "parts" else hand
    if form in ("archives", "one archive", "file"):
        pack(name, hand)
    if form == "one archive" and EVENT_FILES[name].whole:
        archives = list(hand.glob("*.zip"))
        zipped(archives, hand / EVENT_FILES[name].whole, hand)
        for path in archives:
            path.unlink()
    if form == "file":
        source = hand / EVENT_FILES[name].archives[1][0]
    before = content(hand)
    used = folder if form in ("parts", "root") else hand
    place = root / folder.name
    assert told(name, root, source) == [
        f"{name}: unpacking {used}",
        f"{name}: now in {place}, {COUNTS[name]}",
    ]
    assert content(place) == expected
    assert content(hand) == before
    assert find_problem(DataConfig.model_validate({"name": name, "root": str(root)})) is None
    assert told(name, root, source) == [f"{name}: already in {place}, {COUNTS[name]}; nothing to do"]


def test_published_forms_that_differ_from_tonics(tmp_path: Path, root: Path) -> None:
    hand = tmp_path / "hand"
    shd = WRITERS["shd"](hand)
    expected = content(shd)
    for path in shd.iterdir():
        (hand / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    shutil.rmtree(shd)
    told("shd", root, hand)
    assert content(root / "SHD") == expected
    write_cifar10_dvs(hand, suffix=".aedat", to_bytes=aedat2_bytes)
    pack("cifar10_dvs", hand)
    assert told("cifar10_dvs", root, hand)[1].endswith(COUNTS["cifar10_dvs"])


def test_damaged_files_are_replaced_and_others_kept(tmp_path: Path, root: Path) -> None:
    folder = write_nmnist(root)
    (folder / "notes.txt").write_text("mine")
    (folder / "Test" / "7" / "00008.bin").write_bytes(b"broken")
    first, *_ = told("nmnist", root, write_nmnist(tmp_path / "hand"))
    assert "00008.bin: truncated or damaged" in first
    assert first.endswith("it will be replaced")
    assert content(folder) == content(tmp_path / "hand" / "NMNIST") | {"notes.txt": b"mine"}


def test_an_incomplete_folder_is_completed(tmp_path: Path, root: Path) -> None:
    shutil.rmtree(write_nmnist(root) / "Test")
    told("nmnist", root, write_nmnist(tmp_path / "hand"))
    assert find_problem(DataConfig(name="nmnist", root=str(root))) is None


def test_a_source_without_the_files(tmp_path: Path, root: Path) -> None:
    hand = tmp_path / "hand"
    hand.mkdir()
    wanted = r"looked for train\.zip, test\.zip, or a folder with Train, Test"
    refused(rf"hand: nmnist is not there; {wanted}", "nmnist", root, hand)
    refused(r"looked for CIFAR10DVS\.zip, or airplane\.zip, automobile\.zip", "cifar10_dvs", root, hand)
    refused(r"--from .*nowhere: no such file or folder", "nmnist", root, tmp_path / "nowhere")


def test_a_source_that_is_not_complete(tmp_path: Path, root: Path) -> None:
    hand = tmp_path / "hand"
    write_nmnist(hand)
    pack("nmnist", hand)
    (hand / "test.zip").unlink()
    refused(r"hand: nmnist is not complete there; test\.zip is missing", "nmnist", root, hand)


def test_a_source_with_damaged_files(tmp_path: Path, root: Path) -> None:
    folder = write_nmnist(tmp_path / "hand")
    (folder / "Train" / "3" / "00004.bin").write_bytes(nmnist_bytes(random_stream(9, 34, 0))[:-1])
    message = (
        r"nmnist: what arrived cannot be used: NMNIST/Train/3/00004\.bin: 44 bytes, should be a multiple"
    )
    refused(message, "nmnist", root, folder)


@pytest.mark.parametrize("damage", [garble, lambda path: path.write_bytes(path.read_bytes()[:-300])])
@pytest.mark.parametrize("name", ["nmnist", "dvs_gesture", "shd"])
def test_damaged_archives_are_named(
    tmp_path: Path, root: Path, name: str, damage: Callable[[Path], None]
) -> None:
    hand = tmp_path / "hand"
    WRITERS[name](hand)
    pack(name, hand)
    archive = EVENT_FILES[name].archives[1][0]
    damage(hand / archive)
    refused(f"{archive}: cannot be unpacked: ", name, root, hand)


def test_an_archive_of_something_else(tmp_path: Path, root: Path) -> None:
    hand = tmp_path / "hand"
    write_nmnist(hand)
    pack("nmnist", hand)
    shutil.copy(hand / "train.zip", hand / "test.zip")
    refused(r"test\.zip: does not hold Test", "nmnist", root, hand)
