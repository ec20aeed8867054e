"""Installs ImageNet: as a link to existing folders, or by unpacking the published archives."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snncore.config.schema import DataConfig
from snncore.data.file_access import open_regular
from snncore.data.files import fetch_command
from snncore.data.install.archives import checked_members, unpacking
from snncore.data.install.arrival import Report, making_folder
from snncore.data.missing import find_problem
from snncore.data.sets.image_folders import IMAGENET_FOLDER
from snncore.data.sets.imagenet import image_paths
from snncore.data.sets.imagenet_labels import DEVKIT, read_val_classes
from snncore.data.specs import SPECS
from snncore.errors import DataError

TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"

_VAL_IMAGE = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
_CLASS = re.compile(r"(n\d{8})\.tar")


def install(root: Path, source: Path | None, report: Report) -> Path:
    """Install ImageNet under `root`; returns root/imagenet. An existing complete one stays.

    source: a folder with train/ and val/, to which a link is made (nothing is copied), or with the two
    published archives and the classes of the validation images, which are unpacked.
    Checks the names of all files but opens none: training reports a damaged one when it reads it.

    Raises:
        DataError: no source; nothing usable in it; or an incomplete root/imagenet exists.
    """
    target = root / IMAGENET_FOLDER
    if find_problem(DataConfig(name="imagenet", root=str(root))) is None:
        report(f"imagenet: already in {target}, {_count(target)}; nothing to do")
        return target
    if source is None:
        raise DataError(
            f"imagenet is not given out without an account: get {TRAIN}, {VAL} and {DEVKIT}.tar.gz from "
            f"https://image-net.org/download.php and run: {fetch_command('imagenet', root)} --from FOLDER "
            "(a folder with train/ and val/ will do as well)"
        )
    if target.exists() or target.is_symlink():
        raise DataError(f"{target} is there and lacks train or val; move it away first")
    folder = _with_both_parts(source)
    if folder is not None:
        counts = _count(folder)
        root.mkdir(parents=True, exist_ok=True)
        target.symlink_to(folder.resolve(), target_is_directory=True)
        report(f"imagenet: {target} is now a link to {folder}, {counts}")
        return target
    _unpack(source, target, report)
    report(f"imagenet: now in {target}, {_count(target)}")
    return target


def _with_both_parts(source: Path) -> Path | None:
    candidates = (source, source / IMAGENET_FOLDER)
    return next(
        (folder for folder in candidates if (folder / "train").is_dir() and (folder / "val").is_dir()), None
    )


def _count(folder: Path) -> str:
    train, val = (image_paths(folder, is_train) for is_train in (True, False))
    counts = (len(train), len(val), int(train.labels.max()) + 1)
    spec = SPECS["imagenet"]
    published = (spec.n_train, spec.n_test, spec.n_classes)
    text = "{} training and {} test images of {} classes"
    more = "" if counts == published else f" (published: {', '.join(map(str, published))})"
    return text.format(*counts) + more


def _unpack(source: Path, target: Path, report: Report) -> None:
    absent = [name for name in (TRAIN, VAL) if not (source / name).is_file()]
    if absent:
        raise DataError(f"{source}: imagenet is not there; looked for train/ and val/, or {TRAIN} and {VAL}")
    classes = read_val_classes(source)
    with (
        making_folder(target.parent),
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".installing-") as folder,
    ):
        scratch = Path(folder) / IMAGENET_FOLDER
        report(f"imagenet: unpacking {source / VAL}")
        _unpack_val(source / VAL, classes, scratch / "val")
        report(f"imagenet: unpacking {source / TRAIN}")
        _unpack_train(source / TRAIN, scratch / "train", report)
        _count(scratch)
        scratch.rename(target)


def _unpack_train(archive: Path, target: Path, report: Report) -> None:
    """An archive of one archive per class."""
    with _whole(archive) as outer:
        for n_before, member in enumerate(outer):
            name = _CLASS.fullmatch(member.name)
            packed = outer.extractfile(member)
            if name is None or packed is None:
                raise DataError(f"{archive}: holds {member.name}, and should hold n01440764.tar and so on")
            with packed, tarfile.open(fileobj=packed, mode="r|") as inner:
                inner.extractall(target / name[1], checked_members(inner, member.size), filter="data")
            if (n_before + 1) % 100 == 0:
                report(f"imagenet: {n_before + 1} classes unpacked")


def _unpack_val(archive: Path, classes: list[str], target: Path) -> None:
    """An archive of images, numbered from 1."""
    with _whole(archive) as tar:
        for member in tar:
            number = _VAL_IMAGE.fullmatch(member.name)
            packed = tar.extractfile(member)
            if number is None or packed is None:
                raise DataError(
                    f"{archive}: holds {member.name}, and should hold ILSVRC2012_val_00000001.JPEG …"
                )
            if not 1 <= int(number[1]) <= len(classes):
                raise DataError(
                    f"{archive}: holds {member.name}, and there are classes for {len(classes)} images"
                )
            folder = target / classes[int(number[1]) - 1]
            folder.mkdir(parents=True, exist_ok=True)
            with packed, (folder / member.name).open("wb") as file:
                shutil.copyfileobj(packed, file)


@contextmanager
def _whole(archive: Path) -> Iterator[tarfile.TarFile]:
    """The archive, for a block that reads all of it.

    Raises:
        DataError: it is damaged or truncated, or its content cannot be written.
    """
    with open_regular(archive) as file, unpacking(archive), tarfile.open(fileobj=file, mode="r:") as tar:
        yield tar
        _require_end(tar)


def _require_end(tar: tarfile.TarFile) -> None:
    """Check for the zeros after the last member, which are missing if the archive was cut between members."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("unexpected end of data")
