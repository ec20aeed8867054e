"""Random numbers as pure functions of what they are for: no state to save, none to restore.

A key such as ("order", seed, epoch) is hashed (SHAKE-128): neighbouring keys have nothing in common, and the
numbers are the same in every version of every package.
"""

from __future__ import annotations

from hashlib import shake_128


def seed_of(*key: str | int) -> int:
    """A seed from 0 to 2**63 − 1 that belongs to `key`."""
    return int.from_bytes(_bits(key, 8)) >> 1


def uniforms(n: int, *key: str | int) -> list[float]:
    """`n` numbers in [0, 1), uniform and independent, that belong to `key`."""
    bits = _bits(key, 8 * n)
    return [(int.from_bytes(bits[start : start + 8]) >> 11) * 2.0**-53 for start in range(0, 8 * n, 8)]


def _bits(key: tuple[str | int, ...], n_bytes: int) -> bytes:
    return shake_128(repr(key).encode()).digest(n_bytes)
