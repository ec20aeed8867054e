from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from snncore.config.schema import DataConfig
from snncore.data.install import install as module
from snncore.data.install.install import install
from snncore.data.missing import find_problem
from snncore.errors import DataError
from tests.snncore.data.fixtures import (
    FASHION,
    cifar_batch,
    garble,
    load,
    write_cifar10,
    write_cifar100,
    write_fashion,
)


@pytest.fixture(autouse=True)
def nothing_packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGED", {})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def told(name: str, root: Path, source: Path | None = None) -> list[str]:
    """Install, and return what was reported."""
    lines: list[str] = []
    assert install(name, root, source, lines.append).is_dir()
    assert not list(Path(root).glob(".installing-*"))
    return lines


def refused(message: str, name: str, root: Path, source: Path | None = None) -> None:
    with pytest.raises(DataError, match=message):
        install(name, root, source, lambda line: None)
    assert not list(Path(root).glob("*"))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def packed(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    return archive


@pytest.mark.parametrize("gzipped", [False, True])
def test_fashion_mnist_from_a_folder_twice(tmp_path: Path, root: Path, gzipped: bool) -> None:
    source = write_fashion(tmp_path / "hand", gzipped=gzipped)
    before = content(source)
    first = told("fashion_mnist", root, source)
    assert first == [
        f"fashion_mnist: unpacking {source}",
        f"fashion_mnist: now in {root}/FashionMNIST/raw, 40 training and 20 test images",
    ]
    assert content(source) == before
    installed = content(root / "FashionMNIST" / "raw")
    assert sorted(installed) == sorted(FASHION)
    assert installed == content(write_fashion(tmp_path / "plain"))
    assert told("fashion_mnist", root, source) == [
        f"fashion_mnist: already in {root}/FashionMNIST/raw, 40 training and 20 test images; nothing to do"
    ]
    assert len(load(DataConfig(name="fashion_mnist", root=str(root), val_fraction=0)).train) == 40


def test_another_root_is_a_source(tmp_path: Path, root: Path) -> None:
    write_fashion(tmp_path / "other" / "FashionMNIST" / "raw")
    told("fashion_mnist", root, tmp_path / "other")
    assert find_problem(DataConfig(name="fashion_mnist", root=str(root))) is None


@pytest.mark.parametrize("form", ["archive", "folder of the archive", "folder", "folder of the folder"])
@pytest.mark.parametrize(
    ("name", "write", "archive"),
    [
        ("cifar10", write_cifar10, "cifar-10-python.tar.gz"),
        ("cifar100", write_cifar100, "cifar-100-python.tar.gz"),
    ],
)
def test_cifar_from_every_form_at_hand(
    tmp_path: Path, root: Path, form: str, name: str, write: Callable[[Path], Path], archive: str
) -> None:
    hand = tmp_path / "hand"
    folder = write(hand)
    expected = content(folder)
    source = {
        "archive": hand / archive,
        "folder of the archive": hand,
        "folder": folder,
        "folder of the folder": hand,
    }[form]
    if "archive" in form:
        packed(folder, hand / archive)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    told(name, root, source)
    assert content(root / folder.name) == expected


def test_a_packaged_data_set_is_found_before_a_download(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "PACKAGED", {"fashion_mnist": write_fashion(tmp_path / "share", gzipped=True)}
    )
    assert told("fashion_mnist", root)[0] == f"fashion_mnist: unpacking {tmp_path / 'share'}"


def test_damaged_files_are_replaced_and_others_kept(tmp_path: Path, root: Path) -> None:
    folder = write_fashion(root / "FashionMNIST" / "raw")
    (folder / "notes.txt").write_text("mine")
    (folder / FASHION[0]).write_bytes(b"broken")
    first, *_ = told("fashion_mnist", root, write_fashion(tmp_path / "hand"))
    assert f"{FASHION[0]}: truncated or damaged" in first
    assert first.endswith("it will be replaced")
    assert content(folder) == content(tmp_path / "hand") | {"notes.txt": b"mine"}


def test_an_incomplete_folder_is_completed(tmp_path: Path, root: Path) -> None:
    (write_cifar10(root) / "data_batch_5").unlink()
    told("cifar10", root, write_cifar10(tmp_path / "hand"))
    assert find_problem(DataConfig(name="cifar10", root=str(root))) is None


def test_a_source_without_the_files(tmp_path: Path, root: Path) -> None:
    (tmp_path / "hand").mkdir()
    refused(
        r"hand: cifar10 is not there; looked for cifar-10-python\.tar\.gz, or the files data_batch_1",
        "cifar10",
        root,
        tmp_path / "hand",
    )
    refused(r"--from .*nowhere: no such file or folder", "cifar10", root, tmp_path / "nowhere")


def test_a_source_with_damaged_files(tmp_path: Path, root: Path) -> None:
    folder = write_cifar10(tmp_path / "hand")
    (folder / "test_batch").write_bytes(cifar_batch(10, 10)[:-40])
    refused("cifar10: what arrived cannot be used: cifar-10-batches-py/test_batch: ", "cifar10", root, folder)


def test_a_truncated_gzipped_source(tmp_path: Path, root: Path) -> None:
    source = write_fashion(tmp_path / "hand", gzipped=True)
    path = source / f"{FASHION[2]}.gz"
    path.write_bytes(path.read_bytes()[:-400])
    refused(rf"{path.name}: truncated or damaged", "fashion_mnist", root, source)


def test_a_truncated_archive(tmp_path: Path, root: Path) -> None:
    archive = packed(write_cifar100(tmp_path / "hand"), tmp_path / "cifar-100-python.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-1000])
    refused(r"cifar-100-python\.tar\.gz: cannot be unpacked", "cifar100", root, archive)


def test_garbled_sources(tmp_path: Path, root: Path) -> None:
    source = write_fashion(tmp_path / "hand", n_train=500, gzipped=True)
    for name in (FASHION[0], FASHION[1]):
        garble(source / f"{name}.gz")
        refused(rf"{name}\.gz: truncated or damaged", "fashion_mnist", root, source)
        (source / f"{name}.gz").unlink()
        (source / name).write_bytes(content(write_fashion(tmp_path / "plain", n_train=500))[name])


@pytest.mark.parametrize("is_text", [False, True])
def test_a_garbled_archive(tmp_path: Path, root: Path, is_text: bool) -> None:
    folder = write_cifar100(tmp_path)
    if is_text:  # fails while it is unpacked; of random pixels, packed as they are, only the checksum tells
        (folder / "train").write_text("".join(map(str, range(300_000))))
    archive = packed(folder, tmp_path / "cifar-100-python.tar.gz")
    garble(archive, 20_000 if is_text else 200)
    refused("cannot be unpacked: " + ("Error -3" if is_text else "CRC check"), "cifar100", root, archive)


def test_an_archive_of_something_else(tmp_path: Path, root: Path) -> None:
    archive = packed(write_cifar100(tmp_path / "hand"), tmp_path / "cifar-10-python.tar.gz")
    refused(r"does not hold cifar-10-batches-py/ with data_batch_1", "cifar10", root, archive)


def test_an_archive_cannot_write_outside_the_root(tmp_path: Path, root: Path) -> None:
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("../../escaped")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    refused("cannot be unpacked: .*escaped", "cifar10", root, archive)
    assert not list(tmp_path.rglob("escaped"))


def test_a_root_that_is_a_file(tmp_path: Path, root: Path) -> None:
    root.write_text("no folder")
    with pytest.raises(DataError, match=f"cifar10 cannot be put under {root}"):
        install("cifar10", root, write_cifar10(tmp_path / "hand"), lambda line: None)


def test_digits_need_nothing(root: Path) -> None:
    lines: list[str] = []
    assert (install("digits", root, report=lines.append) / "digits.csv.gz").is_file()
    assert lines == ["digits: nothing to do, they come with scikit-learn"]
    assert not root.exists()


def test_an_unknown_name(root: Path) -> None:
    with pytest.raises(DataError, match=r"'cifar', allowed: digits, fashion_mnist, .*did you mean 'cifar10'"):
        install("cifar", root)
