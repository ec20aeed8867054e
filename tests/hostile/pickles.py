"""Pickles, as CIFAR is published in: with code in them, with other values, or with bytes changed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from tests.hostile import raw
from tests.hostile.case import CANARY_MODULE, PAYLOAD


class Payload:
    """An object whose pickle leaves the canary when it is loaded."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return exec, (PAYLOAD,)


def pickled(rng: Random, content: bytes) -> bytes:
    """A pickle as CIFAR is published in, with code in it, with other values, or with bytes changed."""
    from tests.snncore.data.fixtures import cycling_labels, python2_pickle, random_images

    choice = rng.random()
    if choice < 0.35:
        return raw.mutate(rng, content)
    if choice < 0.55:
        return pickle.dumps(rng.choice(_PICKLES), protocol=2)
    if choice < 0.65:
        return rng.choice(_CODE)
    data = random_images(rng.choice((0, 1, 20, 7)), rng.choice((3072, 3072, 0, 1, 1024)))
    labels: Any = [int(label) for label in cycling_labels(rng.choice((20, 20, 0, 7)), rng.choice((10, 100)))]
    if rng.random() < 0.4 and labels:
        labels[rng.randrange(len(labels))] = rng.choice((-1, 10, 100, 2**31 - 1, -(2**31)))
    keys = rng.choice(
        (
            (b"data", b"labels"),
            (b"data", b"fine_labels"),
            (b"labels", b"data"),
            (b"x", b"y"),
            (b"data", b"data"),
        )
    )
    return python2_pickle({keys[0]: data, keys[1]: labels})


_PICKLES: tuple[Any, ...] = (
    *(
        None,
        1,
        "x",
        b"x",
        [],
        {},
        [1] * 100,
        {b"data": None, b"labels": None},
        {"data": [], "labels": []},
        Payload(),
    ),
    {b"data": Payload(), b"labels": [1]},
    {b"data": b"\0" * 3072, b"labels": [0]},
    {b"data": np.zeros((4, 3072)), b"labels": np.zeros(4)},
    {b"data": np.zeros((4, 3, 32, 32), np.uint8), b"labels": [0, 1, 2, 3]},
    {b"data": np.zeros((4, 3072), object), b"labels": [0, 1, 2, 3]},
    {b"data": np.zeros((4, 3072), np.uint8), b"labels": [0.5, None, "x", []]},
    {b"data": np.zeros((4, 3072), np.uint8), b"labels": {0: 1}},
    {b"data": np.zeros((4, 3072), np.uint8), b"labels": [10**30] * 4},
    {Payload(): 1},
)
_CODE = (
    f"cbuiltins\nexec\n(S{PAYLOAD!r}\ntR.".encode(),
    f"c{CANARY_MODULE}\nx\n.".encode(),
    f"(S{PAYLOAD!r}\nibuiltins\nexec\n.".encode(),
    b"cnumpy\nload\n(S'x'\ntR.",
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(J\xff\xff\xff\x7ft\x8c\x01bt\x85R.",
    b"\x80\x02cnumpy\nzeros\n\x8a\x05\x00\x00\x00\x00\x10\x85R.",
    b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80\x02" + b"(" * 100_000,
    b"\x80\x02" + b"]" * 3 + b"a" * 50_000,
)
