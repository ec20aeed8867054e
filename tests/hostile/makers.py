"""Makes the genuine files of each kind, in the folder of a kit."""

from __future__ import annotations

import io
import os
import pickle
import sqlite3
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile.genuine import CONFIG, SPACE, Kit
from tests.hostile.steady import read_files, timeless


def _run(place: Path) -> None:
    """A study of eight trials in runs/toy, with a final training in it."""
    from search.propose.proposer import Proposer
    from search.record import rebuild
    from search.study.attributes import StudyAttributes
    from search.study.folder import RunFolder
    from search.study.opening import create
    from search.trials.outcome import Outcome
    from search.trials.store import TrialStore
    from tests.search.stores import measured, row

    (place / "space.yaml").write_text(SPACE)
    space = _space()
    folder = RunFolder.of(place / "runs", "toy")
    folder.path.mkdir(parents=True)
    attributes = StudyAttributes.of("toy", space)
    store = TrialStore(create(folder, None, attributes), attributes.objectives, attributes.limits)
    proposer = Proposer(store, space)
    for number in range(8):
        trial = proposer.next()
        assert trial is not None
        store.started(trial.number)
        for epoch in (1, 2):
            store.note(trial.number, row(epoch, 40.0 + number))
        outcome = (
            Outcome("complete", None, measured(trial))
            if number % 4
            else Outcome("infeasible", "out of memory", {})
        )
        store.finish(trial.number, outcome)
    del store, proposer
    folder.journal.write_bytes(timeless(folder.journal.read_bytes()))
    rebuild(folder.path)
    training = folder.path / "finals" / "trial-0001"
    training.mkdir(parents=True)
    (training / "result.json").write_bytes((place.parent / "training/done/result.json").read_bytes())


def _space() -> Any:
    from search.checker import TrainerChecker
    from spaces.load import load_space

    return load_space("space.yaml", TrainerChecker())[0]


def _training(place: Path) -> None:
    """A finished training in done/, and one in stopped/ that ended after its first epoch."""
    from snncore.config.load import load_config
    from snncore.final_training import train

    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    (place / "best.yaml").write_text(CONFIG)
    config = load_config("best.yaml")
    train(config, "done", device="cpu", threads=1)
    with suppress(KeyboardInterrupt):
        train(config, "stopped", device="cpu", threads=1, on_epoch=stop)


def _database(place: Path) -> None:
    """The study of `_run` in a file of SQLite."""
    import optuna

    from search.propose.proposer import Proposer
    from search.study.attributes import StudyAttributes
    from search.study.folder import RunFolder
    from search.study.opening import create
    from search.trials.store import TrialStore
    from tests.search.stores import complete

    (place / "space.yaml").write_text(SPACE)
    space = _space()
    attributes = StudyAttributes.of("toy", space)
    folder = RunFolder.of(place / "runs", "toy")
    folder.path.mkdir(parents=True)
    url = "sqlite:///toy.db"
    study = create(folder, url, attributes)
    store = TrialStore(study, attributes.objectives, attributes.limits)
    proposer = Proposer(store, space)
    for _ in range(2):
        trial = proposer.next()
        assert trial is not None
        complete(store, trial)
    del study, store, proposer
    optuna.storages.RDBStorage(url).engine.dispose()
    (folder.path / "storage.url").write_text("sqlite:///toy.db\n")
    with sqlite3.connect("toy.db") as connection:
        connection.execute("pragma journal_mode = delete")
    connection.close()


def _npz(place: Path) -> None:
    from tests.snncore.data.fixtures import cycling_labels, random_images

    np.savez(
        place / "data.npz",
        x_train=random_images(40, 8, 8, 3),
        y_train=cycling_labels(40, 4),
        x_test=random_images(12, 8, 8, 3, seed=1),
        y_test=cycling_labels(12, 4),
    )


def _frames(place: Path) -> None:
    from tests.snncore.data.fixtures import cycling_labels, random_images

    np.savez(
        place / "data.npz",
        x_train=random_images(40, 2, 2, 8, 8),
        y_train=cycling_labels(40, 4).astype(np.int64),
    )


def _images(place: Path) -> None:
    from tests.snncore.data.fixtures import photo

    suffixes = (".png", ".jpg", ".bmp", ".webp", ".tif", ".ppm")
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            folder = place / "data" / part / label
            folder.mkdir(parents=True)
            for number in range(4):
                suffix = suffixes[(number + len(label + part)) % len(suffixes)]
                photo(16, 16, number).save(folder / f"{number}{suffix}")


def _fashion(place: Path) -> None:
    from tests.snncore.data.fixtures import write_fashion

    write_fashion(place / "data" / "FashionMNIST" / "raw")


def _cifar10(place: Path) -> None:
    from tests.snncore.data.fixtures import write_cifar10

    write_cifar10(place / "data")


def _cifar100(place: Path) -> None:
    from tests.snncore.data.fixtures import write_cifar100

    write_cifar100(place / "data")


def _imagenet(place: Path) -> None:
    from tests.snncore.data.fixtures import write_imagenet

    write_imagenet(place / "data")


def _nmnist(place: Path) -> None:
    from tests.snncore.data.events.fixtures import write_nmnist

    write_nmnist(place / "data")


def _frame_cache(place: Path) -> None:
    """N-MNIST, and the frames that were made of it."""
    from snncore.config.load import make_config
    from snncore.data.load import load_data

    _nmnist(place)
    data = load_data(make_config({"data": {"name": "nmnist", "root": "data"}}).data, 2)
    data.read_test()


def _dvs_gesture(place: Path) -> None:
    from tests.snncore.data.events.fixtures import write_dvs_gesture

    write_dvs_gesture(place / "data")


def _shd(place: Path) -> None:
    from tests.snncore.data.events.fixtures import write_shd

    write_shd(place / "data")


def _aedat4(place: Path) -> None:
    from tests.snncore.data.events.fixtures import write_cifar10_dvs

    write_cifar10_dvs(place / "data")


def _aedat2(place: Path) -> None:
    from tests.snncore.data.events.fixtures import aedat2_bytes, write_cifar10_dvs

    write_cifar10_dvs(place / "data", suffix=".aedat", to_bytes=aedat2_bytes)


def _archives(place: Path) -> None:
    """What `spikefront data NAME --from DIR` unpacks."""
    from tests.snncore.data.events.fixtures import write_dvs_gesture, write_nmnist, write_shd
    from tests.snncore.data.fixtures import write_cifar10, write_fashion

    source = place / "source"
    source.mkdir()
    made = place / "made"
    write_fashion(source, gzipped=True)
    with tarfile.open(source / "cifar-10-python.tar.gz", "w:gz", compresslevel=1) as tar:
        tar.add(write_cifar10(made), "cifar-10-batches-py", filter=_of_no_time)
    gestures = write_dvs_gesture(made, n_train=1)
    for part in ("ibmGestureTrain", "ibmGestureTest"):
        with tarfile.open(source / f"{part}.tar.gz", "w:gz", compresslevel=1) as tar:
            tar.add(gestures / part, part, filter=_of_no_time)
    digits = write_nmnist(made, n_train=1)
    for part in ("Train", "Test"):
        _zip(source / f"{part.lower()}.zip", digits, part)
    spoken = write_shd(made)
    for name in ("shd_train.h5", "shd_test.h5"):
        _zip(source / f"{name}.zip", spoken, name)
    for path in sorted(made.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


def _of_no_time(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    return member


def _zip(path: Path, folder: Path, part: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for inner in [folder / part, *sorted((folder / part).rglob("*"))]:
            if inner.is_file():
                file.writestr(zipfile.ZipInfo(inner.relative_to(folder).as_posix()), inner.read_bytes())


MAKERS: dict[str, Callable[[Path], None]] = {
    "training": _training,
    "run": _run,
    "database": _database,
    "npz": _npz,
    "frames": _frames,
    "images": _images,
    "fashion": _fashion,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "imagenet": _imagenet,
    "nmnist": _nmnist,
    "frame_cache": _frame_cache,
    "dvs_gesture": _dvs_gesture,
    "shd": _shd,
    "aedat4": _aedat4,
    "aedat2": _aedat2,
    "archives": _archives,
}


def build_kits(folder: Path) -> dict[str, Kit]:
    """Make every kit in an empty folder."""
    kits: dict[str, Kit] = {}
    for name, make in MAKERS.items():
        place = folder / name
        place.mkdir()
        with _inside(place):
            make(place)
        kits[name] = read_files(place)
    return kits


def save_kits(folder: Path) -> None:
    """For a process of its own: building starts threads, which a process that forks must not have."""
    content = pickle.dumps(build_kits(folder))
    (folder / "kits").write_bytes(content)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    save_kits(Path(sys.argv[1]))
