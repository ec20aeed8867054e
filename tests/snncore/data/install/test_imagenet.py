from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from snncore.config.schema import DataConfig
from snncore.data.install.install import install
from snncore.data.missing import find_problem
from snncore.data.sets.imagenet_labels import DEVKIT, LIST, read_val_classes
from snncore.errors import DataError
from tests.snncore.data.fixtures import WNIDS, write_imagenet

TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            add(tar, name, content)
    return packed.getvalue()


def write_archives(folder: Path, images: Path) -> Path:
    """The published archives of the small ImageNet in `images`: one of archives, one flat and numbered."""
    folder.mkdir(exist_ok=True)
    classes = {
        f"{wnid}.tar": tarred(
            {path.name: path.read_bytes() for path in sorted((images / "train" / wnid).iterdir())}
        )
        for wnid in WNIDS
    }
    (folder / TRAIN).write_bytes(tarred(classes))
    flat = sorted((images / "val").glob("*/*"), key=lambda path: path.name)
    (folder / VAL).write_bytes(tarred({path.name: path.read_bytes() for path in flat}))
    return folder


def devkit(wnids: list[str]) -> dict[str, bytes]:
    """The two files that matter of the development kit: ids are numbered in an order of their own."""
    order = sorted(set(wnids), key=lambda wnid: wnid[::-1])
    fields = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("num_children", object)]
    groups = [(len(order) + 1, "n00001740", "entity", 3)]
    rows = [(number, wnid, "a thing", 0) for number, wnid in enumerate(order, start=1)] + groups
    meta = io.BytesIO()
    savemat(meta, {"synsets": np.array(rows, dtype=fields).reshape(-1, 1)})
    numbers = "".join(f"{order.index(wnid) + 1}\n" for wnid in wnids)
    data = f"{DEVKIT}/data"
    return {
        f"{data}/ILSVRC2012_validation_ground_truth.txt": numbers.encode(),
        f"{data}/meta.mat": meta.getvalue(),
    }


def val_wnids(images: Path) -> list[str]:
    flat = sorted((images / "val").glob("*/*"), key=lambda path: path.name)
    return [path.parent.name for path in flat]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.JPEG"))}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_imagenet(tmp_path / "made", 3, 2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def told(root: Path, source: Path | None = None) -> list[str]:
    lines: list[str] = []
    assert install("imagenet", root, source, lines.append) == root / "imagenet"
    assert not list(root.glob(".installing-*"))
    return lines


def refused(message: str, root: Path, source: Path | None = None) -> None:
    with pytest.raises(DataError, match=message):
        install("imagenet", root, source, lambda line: None)
    assert not (root / "imagenet").exists()
    assert not list(root.glob(".installing-*"))


COUNTS = "9 training and 6 test images of 3 classes (published: 1281167, 50000, 1000)"


@pytest.mark.parametrize("is_above", [False, True])
def test_folders_at_hand_are_linked(images: Path, root: Path, is_above: bool) -> None:
    before = content(images)
    source = images.parent if is_above else images
    assert told(root, source) == [f"imagenet: {root}/imagenet is now a link to {images}, {COUNTS}"]
    assert (root / "imagenet").resolve() == images
    assert content(images) == before
    assert find_problem(DataConfig(name="imagenet", root=str(root))) is None
    assert told(root) == [f"imagenet: already in {root}/imagenet, {COUNTS}; nothing to do"]


@pytest.mark.parametrize("form", ["kit", "unpacked kit", "list"])
def test_the_archives_are_unpacked(images: Path, root: Path, tmp_path: Path, form: str) -> None:
    source = write_archives(tmp_path / "hand", images)
    kit = devkit(val_wnids(images))
    if form == "kit":
        (source / f"{DEVKIT}.tar.gz").write_bytes(tarred(kit, "w:gz"))
    elif form == "list":
        (source / LIST).write_text("\n".join(val_wnids(images)))
    else:
        for name, values in kit.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(values)
    lines = told(root, source)
    assert lines == [
        f"imagenet: unpacking {source / VAL}",
        f"imagenet: unpacking {source / TRAIN}",
        f"imagenet: now in {root}/imagenet, {COUNTS}",
    ]
    assert content(root / "imagenet") == content(images)


def test_without_a_source_the_way_is_told(root: Path) -> None:
    refused(
        rf"image-net\.org/download\.php and run: spikefront data imagenet --root {root} --from FOLDER", root
    )


def test_a_source_without_anything(root: Path, tmp_path: Path) -> None:
    (tmp_path / "hand").mkdir()
    refused(
        r"hand: imagenet is not there; looked for train/ and val/, or ILSVRC2012", root, tmp_path / "hand"
    )
    refused("--from .*nowhere: no such file or folder", root, tmp_path / "nowhere")


def test_the_classes_of_the_validation_images_are_needed(images: Path, root: Path, tmp_path: Path) -> None:
    source = write_archives(tmp_path / "hand", images)
    refused(f"need their classes: put {DEVKIT}.tar.gz or {LIST} there", root, source)
    (source / LIST).write_text("\n".join(val_wnids(images)[:-1]))
    refused("ILSVRC2012_val_00000006.JPEG, and there are classes for 5 images", root, source)


@pytest.mark.parametrize("name", [TRAIN, VAL])
def test_a_truncated_archive_is_named(images: Path, root: Path, tmp_path: Path, name: str) -> None:
    source = write_archives(tmp_path / "hand", images)
    (source / LIST).write_text("\n".join(val_wnids(images)))
    with tarfile.open(source / name) as tar:
        *_, last = tar.getmembers()
    whole = (source / name).read_bytes()
    # In the first header, between two members, in a header, in the content.
    for n_bytes in (100, last.offset, last.offset + 100, last.offset_data + last.size // 2):
        (source / name).write_bytes(whole[:n_bytes])
        refused(rf"{name}: cannot be unpacked", root, source)


def test_a_truncated_kit_is_named(images: Path, root: Path, tmp_path: Path) -> None:
    source = write_archives(tmp_path / "hand", images)
    path = source / f"{DEVKIT}.tar.gz"
    whole = tarred(devkit(val_wnids(images)), "w:gz")
    for n_bytes in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:n_bytes])
        refused(rf"{path.name}: truncated or damaged", root, source)


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        (TRAIN, {"readme.txt": b"hello"}, "holds readme.txt, and should hold n01440764.tar"),
        (VAL, {"readme.txt": b"hello"}, "holds readme.txt, and should hold ILSVRC2012_val_00000001.JPEG"),
        (TRAIN, {f"{WNIDS[0]}.tar": b"no archive" * 200}, f"{TRAIN}: cannot be unpacked"),
        (TRAIN, {f"{WNIDS[0]}.tar": tarred({"../../escaped": b"evil"})}, "cannot be unpacked: .*escaped"),
    ],
)
def test_an_archive_of_something_else(
    images: Path, root: Path, tmp_path: Path, name: str, files: dict[str, bytes], message: str
) -> None:
    source = write_archives(tmp_path / "hand", images)
    (source / LIST).write_text("\n".join(val_wnids(images)))
    (source / name).write_bytes(tarred(files))
    refused(message, root, source)
    assert not list(tmp_path.rglob("escaped"))


def test_a_damaged_table_of_the_kit_is_named(tmp_path: Path) -> None:
    folder = tmp_path / DEVKIT / "data"
    folder.mkdir(parents=True)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n")
    for values in (b"", b"no table", devkit(list(WNIDS))[f"{DEVKIT}/data/meta.mat"][:200]):
        (folder / "meta.mat").write_bytes(values)
        with pytest.raises(DataError, match=f"{DEVKIT}: truncated or damaged"):
            read_val_classes(tmp_path)


def test_something_incomplete_in_the_way_stays(images: Path, root: Path) -> None:
    (root / "imagenet" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match="is there and lacks train or val; move it away first"):
        install("imagenet", root, images, lambda line: None)
    assert (root / "imagenet" / "train").is_dir()
