from __future__ import annotations

import numpy as np
import pytest

from snncore.data.seeds import seed_of, uniforms


def test_a_key_always_gives_the_same_numbers() -> None:
    # Worked out once; other numbers would change every order and every crop.
    assert seed_of("order", 0, 1) == 1460896433195265914
    assert uniforms(2, "crop", 3, 4, 5) == pytest.approx([0.7132470505602984, 0.4780158470792628])


@pytest.mark.parametrize(
    "other", [("order", 0, 2), ("order", 1, 1), ("augment", 0, 1), ("order", 0), ("order", 0, 1, 0)]
)
def test_neighbouring_keys_have_nothing_in_common(other: tuple[str | int, ...]) -> None:
    assert seed_of("order", 0, 1) != seed_of(*other)
    assert uniforms(1, "order", 0, 1) != uniforms(1, *other)


def test_seeds_suit_torch_and_numbers_are_uniform() -> None:
    assert all(0 <= seed_of(number) < 2**63 for number in range(100))
    values = np.array([uniforms(3, "crop", number) for number in range(4000)])
    assert values.min() >= 0
    assert values.max() < 1
    assert values.mean(0) == pytest.approx(0.5, abs=5 / np.sqrt(12 * 4000))
    assert np.corrcoef(values.T)[np.triu_indices(3, 1)] == pytest.approx(0, abs=5 / np.sqrt(4000))
