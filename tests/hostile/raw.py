"""Changes of bytes that know nothing of what they mean."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from tests.hostile.values import integer

Mutator = Callable[[Random, bytes], bytes]


def flip(rng: Random, content: bytes) -> bytes:
    """A few bits, most often near the start, where headers are."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if changed:
            changed[_place(rng, len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: Random, content: bytes) -> bytes:
    """A stretch by noise, zeros or ones."""
    n = min(len(content), rng.choice((1, 2, 4, 8, 64)))
    at = _place(rng, len(content) - n + 1)
    filling = rng.choice((rng.randbytes(n), bytes(n), b"\xff" * n))
    return content[:at] + filling + content[at + n :]


def number(rng: Random, content: bytes) -> bytes:
    """Four or eight bytes by a number at the bound of a type, in either order."""
    width, kind = rng.choice(((2, "H"), (4, "I"), (8, "Q")))
    value = integer(rng) % (1 << 8 * width)
    at = _place(rng, len(content) - width + 1)
    return content[:at] + struct.pack(rng.choice("<>") + kind, value) + content[at + width :]


def truncate(rng: Random, content: bytes) -> bytes:
    return content[: _place(rng, len(content) + 1)] if rng.random() < 0.9 else b""


def remove(rng: Random, content: bytes) -> bytes:
    at = _place(rng, len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 2, 7, 100)) :]


def repeat(rng: Random, content: bytes) -> bytes:
    at = _place(rng, len(content) + 1)
    return (
        content[:at]
        + content[at : at + rng.choice((1, 8, 100, 1000))] * rng.choice((2, 3, 50))
        + content[at:]
    )


def insert(rng: Random, content: bytes) -> bytes:
    at = _place(rng, len(content) + 1)
    return (
        content[:at]
        + rng.choice((b"\0", b"\n", b"\xff\xfe", b"\xef\xbb\xbf", rng.randbytes(5)))
        + content[at:]
    )


def nothing_of_the_kind(rng: Random, content: bytes) -> bytes:
    """A file of another kind under this name."""
    return rng.choice(
        (b"", b"\0" * 100, b"PK\x03\x04", b"\x1f\x8b", b"\x89HDF\r\n\x1a\n", b"<html>", rng.randbytes(300))
    )


MUTATORS: tuple[Mutator, ...] = (
    *(flip, flip, flip, overwrite, overwrite, number, number, truncate, remove, repeat, insert),
    nothing_of_the_kind,
)


def mutate(rng: Random, content: bytes) -> bytes:
    """One of the changes above, at times several."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(MUTATORS)(rng, content)
    return content


def _place(rng: Random, n: int) -> int:
    """An index below n: anywhere, near the start, or near the end."""
    if n <= 1:
        return 0
    near = min(n, 200)
    return rng.choice((rng.randrange(n), rng.randrange(near), n - 1 - rng.randrange(near)))
