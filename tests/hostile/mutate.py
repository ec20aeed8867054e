"""Which change fits a file, by its name; and cases made of a kit with a few files changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from random import Random

from tests.hostile import arrays, hdf5, media, pickles, raw, tables, trees
from tests.hostile.case import SPECIALS, Case
from tests.hostile.genuine import KITS
from tests.hostile.raw import Mutator

_BY_NAME: tuple[tuple[str, Mutator], ...] = (
    (r"\.ya?ml$", trees.mutate_yaml),
    (r"journal\.log$|\.jsonl$", trees.mutate_lines),
    (r"\.json$", trees.mutate_json),
    (r"\.parquet$", tables.mutate_parquet),
    (r"\.db$", tables.mutate_sqlite),
    (r"\.npz$", arrays.npz),
    (r"\.npy$", arrays.npy),
    (r"\.safetensors$", arrays.safetensors),
    (r"\.h5$", hdf5.hdf5),
    (r"\.(png|jpe?g|gif|bmp|webp|tif|ppm)$", media.image),
    (r"\.(zip|gz)$", media.archive),
    (r"\.aedat4$", media.aedat4),
    (r"\.aedat$", media.aedat2),
    (r"\.bin$", media.nmnist),
    (r"-idx\d-ubyte$", arrays.idx),
    (r"cifar-", pickles.pickled),
)


def mutator_of(path: str) -> Mutator:
    """What knows the format of a file of this name; else what changes bytes."""
    return next((mutator for pattern, mutator in _BY_NAME if re.search(pattern, path, re.I)), raw.mutate)


def case_of(
    rng: Random,
    kit: str,
    argv: Sequence[str],
    targets: str = "",
    more: Mapping[str, bytes] | None = None,
    p_special: float = 0.08,
) -> Case:
    """A kit with one file, now and then two or three, changed or replaced by something that is no file.

    targets: a pattern of the paths that may be changed. more: files that are added and left alone.
    """
    genuine = {**KITS[kit], **(more or {})}
    names = [path for path in KITS[kit] if re.search(targets, path)]
    files, specials = dict(genuine), {}
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        path = rng.choice(names)
        choice = rng.random()
        if choice < p_special:
            specials[path if rng.random() < 0.7 else _beside(rng, path)] = rng.choice(list(SPECIALS))
        elif choice < p_special + 0.03:
            files.pop(path, None)
        elif choice < p_special + 0.06:
            files[path] = genuine[rng.choice(names)]
        elif path in files:
            files[path] = _changed(rng, path, files[path])
    return Case(tuple(argv), files, specials, genuine)


def _beside(rng: Random, path: str) -> str:
    """A new name in the folder of a file, or in one above it."""
    folder = PurePosixPath(path).parent
    above = [folder, *folder.parents]
    return (
        rng.choice(above) / rng.choice(("stranger", f"a{PurePosixPath(path).suffix}", ".hidden"))
    ).as_posix()


def _changed(rng: Random, path: str, content: bytes) -> bytes:
    """Changed with a knowledge of the format; a content that is broken already has only bytes to change."""
    try:
        return mutator_of(path)(rng, content)
    except Exception:
        return raw.mutate(rng, content)
