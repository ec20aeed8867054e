"""HDF5 files as SHD is published in, with one of their parts replaced by something that HDF5 allows."""

from __future__ import annotations

import io
from random import Random
from typing import Any

import numpy as np

from tests.hostile import raw


def hdf5(rng: Random, content: bytes) -> bytes:
    """A file of SHD with one of its parts replaced by something that HDF5 allows; or its bytes changed."""
    if rng.random() < 0.35:
        return raw.mutate(rng, content)
    import h5py

    file = io.BytesIO(content)
    with h5py.File(file, "r+") as opened:
        for _ in range(rng.choice((1, 1, 2))):
            _change_hdf5(rng, opened, h5py)
    return file.getvalue()


def _change_hdf5(rng: Random, opened: Any, h5py: Any) -> None:
    name = rng.choice(("labels", "labels", "spikes/times", "spikes/units", "spikes"))
    if name in opened:
        del opened[name]
    kind = rng.choice(
        ("external", "soft", "hard", "missing", "group", "sizes", "sizes", "values", "values", "type")
    )
    if kind == "external":
        opened[name] = h5py.ExternalLink(
            rng.choice(("other.h5", "/dev/zero", "/etc/passwd", "shd_test.h5")), "/labels"
        )
    elif kind == "soft":
        opened[name] = h5py.SoftLink(rng.choice((f"/{name}", "/nowhere", "/extra", "/")))
    elif kind == "hard":
        opened[name] = opened["extra/speaker"]
    elif kind == "group":
        opened.create_group(name)
    elif kind == "sizes":
        shape = rng.choice(((2**36,), (2**31, 2**20), (40, 2**30), (0,), (), (1,), (40, 40)))
        opened.create_dataset(
            name, shape, rng.choice(("u2", "f2", "i8", "f8")), chunks=True if shape else None
        )
    elif kind == "values":
        values = rng.choice(
            ([-1] * 40, [20] * 40, [10**9] * 40, [2**63 - 1] * 40, [0] * 40, [0.5] * 40, [np.nan] * 40)
        )
        opened[name] = np.array(values)
    elif kind == "type":
        _of_another_type(rng, opened, h5py, name)


def _of_another_type(rng: Random, opened: Any, h5py: Any, name: str) -> None:
    kind = rng.choice(
        ("text", "compound", "vlen text", "reference", "empty", "vlen", "external file", "opaque", "array")
    )
    if kind == "text":
        opened[name] = np.array([b"zero"] * 40)
    elif kind == "compound":
        opened[name] = np.zeros(40, dtype=[("a", "u1"), ("b", "f8")])
    elif kind == "vlen text":
        opened.create_dataset(name, data=["zero"] * 40, dtype=h5py.string_dtype())
    elif kind == "reference":
        opened.create_dataset(name, (40,), dtype=h5py.ref_dtype)
    elif kind == "empty":
        opened[name] = h5py.Empty("f8")
    elif kind == "vlen":
        made = opened.create_dataset(
            name, (40,), dtype=h5py.vlen_dtype(np.dtype(rng.choice(("f8", "i1", "u8"))))
        )
        for row in range(40):
            made[row] = np.array([np.nan, 1e30, -5, 2**60][: rng.randrange(5)]).astype("f8")
    elif kind == "external file":
        opened.create_dataset(name, (40,), "u2", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
    elif kind == "opaque":
        opened[name] = np.zeros(40, dtype="V7")
    else:
        opened[name] = np.zeros((40, 3), dtype="(2,)f8") if rng.random() < 0.5 else np.zeros((40, 5), "u2")
