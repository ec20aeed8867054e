from __future__ import annotations

import numpy as np
import pytest
import torch

from snncore.data.batches.normalisation import Normalisation, measure_normalisation
from tests.snncore.data.fixtures import random_images


def test_apply_is_the_formula_in_float64() -> None:
    images = random_images(5, 3, 4, 4)
    mean, std = (0.1, 0.5, 0.7), (0.2, 0.25, 0.3)
    expected = (images / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    result = Normalisation(mean, std).apply(torch.from_numpy(images))
    assert result.dtype == torch.float32
    assert result.numpy() == pytest.approx(expected, abs=1e-5)


def test_measured_images_come_out_with_mean_0_and_std_1() -> None:
    images = torch.from_numpy(random_images(50, 2, 6, 6) // np.array([1, 3], dtype=np.uint8).reshape(2, 1, 1))
    result = measure_normalisation(images).apply(images).double()
    assert result.mean((0, 2, 3)).numpy() == pytest.approx(0, abs=1e-5)
    assert result.std((0, 2, 3), correction=0).numpy() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_channel_of_one_value_becomes_zero(value: int) -> None:
    images = torch.full((3, 1, 2, 2), value, dtype=torch.uint8)
    normalisation = measure_normalisation(images)
    assert normalisation.std == (1.0,)
    assert normalisation.apply(images).numpy() == pytest.approx(0, abs=1e-6)


def test_it_does_not_depend_on_the_order_of_images() -> None:
    images = torch.from_numpy(random_images(40, 1, 5, 5))
    assert measure_normalisation(images) == measure_normalisation(images.flip(0))


def test_first_use_in_inference_mode_leaves_training_possible() -> None:
    images = torch.from_numpy(random_images(2, 1, 3, 3))
    normalisation = Normalisation((0.123,), (0.456,))  # not used elsewhere
    with torch.inference_mode():
        normalisation.apply(images)
    weight = torch.ones(1, requires_grad=True)
    (normalisation.apply(images) * weight).sum().backward()
    assert weight.grad is not None
