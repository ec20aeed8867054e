"""Random numbers as pure functions of a key, without a state that would have to be saved and restored.

A key such as ("order", seed, epoch) is hashed (SHAKE-128), so that numbers of similar keys are unrelated, and
are the same in every version of every package.
"""

from __future__ import annotations

from hashlib import shake_128


def seed_of(*key: str | int) -> int:
    """The seed of `key`, from 0 to 2**63 − 1."""
    return int.from_bytes(_bits(key, 8)) >> 1


def uniforms(n: int, *key: str | int) -> list[float]:
    """The `n` numbers of `key`, uniform in [0, 1) and independent."""
    bits = _bits(key, 8 * n)
    return [(int.from_bytes(bits[start : start + 8]) >> 11) * 2.0**-53 for start in range(0, 8 * n, 8)]


def _bits(key: tuple[str | int, ...], n_bytes: int) -> bytes:
    return shake_128(repr(key).encode()).digest(n_bytes)
