"""Archives and folders given by --from that would fill a disk, hang, or write elsewhere."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from snncore.data.install import archives
from snncore.data.install.archives import extract
from snncore.data.install.install import install
from snncore.errors import DataError
from tests.snncore.data.events.fixtures import write_nmnist
from tests.snncore.data.events.test_install import pack
from tests.snncore.data.fixtures import write_cifar10, write_fashion

LIMIT = 2**20


def member(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tarred(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(bytes(info.size)) if info.isfile() else None)
    return path


def refused(archive: Path, message: str) -> None:
    """Refused so; nothing but what was allowed lies in the target, and nothing beside it."""
    target = archive.parent / "target"
    target.mkdir()
    beside = sorted(archive.parent.iterdir())
    with pytest.raises(DataError, match=rf"^{archive}.*{message}"):
        extract(archive, target, LIMIT)
    assert sorted(archive.parent.iterdir()) == beside
    assert sum(path.stat().st_size for path in target.rglob("*")) <= 2 * LIMIT
    assert not [path for path in target.rglob("*") if path.is_symlink() or path.is_fifo()]


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (member("a", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a is neither a file nor a folder"),
        (member("a", type=tarfile.SYMTYPE, linkname="b"), "a is neither a file nor a folder"),
        (member("a", type=tarfile.LNKTYPE, linkname="b"), "a is neither a file nor a folder"),
        (member("a", type=tarfile.FIFOTYPE), "a is neither a file nor a folder"),
        (member("a", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "a is neither a file nor a folder"),
        (member("../a", 5), "outside"),
        (member("a", 2 * LIMIT), "it holds 2 MiB or more"),
    ],
)
def test_what_no_set_holds_does_not_come_out_of_a_tar(
    tmp_path: Path, info: tarfile.TarInfo, message: str
) -> None:
    refused(tarred(tmp_path / "a.tar.gz", member("b", 5), info), message)


def test_many_members_count_together(tmp_path: Path) -> None:
    refused(tarred(tmp_path / "a.tar.gz", *(member(f"{n}", LIMIT // 4) for n in range(9))), "it holds 1 MiB")


def test_a_member_with_holes_is_refused(tmp_path: Path) -> None:
    """As GNU tar writes them: a file of a tebibyte in one block."""
    info = member("a", 512)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (2**32, 512)
    header[483:495] = b"%011o\0" % (2**32 + 512)
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    content = bytes(header) + bytes(512) + bytes(1024)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(content))
    refused(path, "a is neither a file nor a folder")


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    info = member("x", type=tarfile.XHDTYPE)
    info.size = 2**31
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(2**20)))
    refused(path, "a member with a header of 2147483648 bytes")


def test_zeros_behind_an_archive_are_not_read_for_ever(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tar.gz", member("a", 5))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(2**25)))
    refused(path, "it holds 2 MiB or more|it holds 3 MiB or more")


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(2**25)))
    refused(tmp_path / "a.gz", "it holds . MiB or more, should be less than")


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return path


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    refused(zipped(tmp_path / "a.zip", ("a", bytes(2**22))), "it holds 4 MiB or more")


def test_a_zip_that_lies_about_sizes_gives_no_more_than_it_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("a", bytes(2**22)))
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 2**22), struct.pack("<I", 100)))
    refused(path, "cannot be unpacked")


def test_places_outside_are_put_inside(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("../../b", b"x"), ("/etc/c", b"y"))
    extract(path, tmp_path / "target", LIMIT)
    found = [str(each.relative_to(tmp_path / "target")) for each in (tmp_path / "target").rglob("*")]
    assert sorted(found) == ["b", "etc", "etc/c"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.gz"])
@pytest.mark.parametrize("kind", ["FIFO", "text", "nothing"])
def test_no_archive_is_named(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "FIFO":
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).write_text("no archive" if kind == "text" else "")
    if (name, kind) == ("a.gz", "nothing"):  # an empty file is gzip of nothing
        return
    refused(tmp_path / name, "")


def test_an_encrypted_zip_is_told(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("a", b"x"))
    content = bytearray(path.read_bytes())
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(start) + offset] |= 1
    path.write_bytes(bytes(content))
    refused(path, "encrypted")


@pytest.mark.parametrize("error", [RecursionError("too deep"), MemoryError(), OverflowError("x")])
def test_whatever_an_unpacker_raises_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*arguments: object) -> None:
        raise error

    path = zipped(tmp_path / "a.zip", ("a", b"x"))
    monkeypatch.setattr(archives.ZipFile, "extractall", fails)
    refused(path, f"cannot be unpacked: ({type(error).__name__}|too deep)")


def in_the_way(root: Path) -> Path:
    return root / "Train" / "3"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: os.mkfifo(folder / "x.bin"), "x.bin: truncated or damaged: it is a FIFO"),
        (lambda folder: (folder / "x.bin").symlink_to("x.bin"), "x.bin: truncated or damaged: "),
        (lambda folder: (folder / "x.bin").symlink_to("/dev/zero"), "it is a device, not a file"),
        (lambda folder: (folder / "up").symlink_to("../.."), "Train/3/up: a folder, where files should be"),
        (lambda folder: (folder / "x.bin").mkdir(), "x.bin: a folder, where files should be"),
    ],
)
def test_a_folder_that_never_ends_is_not_copied(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(in_the_way(write_nmnist(tmp_path / "hand")))
    with pytest.raises(DataError, match=message):
        install("nmnist", tmp_path / "some" / "root", tmp_path / "hand", lambda line: None)
    assert not (tmp_path / "some").exists()


def test_links_to_recordings_are_copied_as_files(tmp_path: Path) -> None:
    real = write_nmnist(tmp_path / "real")
    for path in sorted(real.rglob("*.bin")):
        link = tmp_path / "hand" / path.relative_to(real)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    install("nmnist", tmp_path / "root", tmp_path / "hand", lambda line: None)
    assert not [path for path in (tmp_path / "root").rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("name", ["nmnist", "cifar10", "fashion_mnist", "imagenet"])
def test_a_fifo_as_source_is_told(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "train.zip")
    with pytest.raises(DataError, match=r"is not (there|complete there)|not a directory|Not a directory"):
        install(name, tmp_path / "root", tmp_path / "train.zip", lambda line: None)
    assert not (tmp_path / "root").exists()


def test_a_refusal_leaves_a_root_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    hand = write_cifar10(tmp_path / "hand")
    (hand / "test_batch").write_bytes(b"")
    with pytest.raises(DataError, match="what arrived cannot be used"):
        install("cifar10", tmp_path / "root", hand, lambda line: None)
    assert list((tmp_path / "root").iterdir()) == []


def test_the_limit_is_that_of_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snncore.data.install.unpack.unpacked_limit", lambda name: -(2**20) + 100)
    with pytest.raises(DataError, match="it holds"):
        install(
            "fashion_mnist",
            tmp_path / "root",
            write_fashion(tmp_path / "hand", gzipped=True),
            lambda line: None,
        )
    monkeypatch.setattr("snncore.data.events.unpack.unpacked_limit", lambda name: 100)
    write_nmnist(tmp_path / "events")
    pack("nmnist", tmp_path / "events")
    with pytest.raises(DataError, match=r"train\.zip: cannot be unpacked: it holds"):
        install("nmnist", tmp_path / "root", tmp_path / "events", lambda line: None)
