from __future__ import annotations

from typing import Any

import pytest

from snncore.config.schema import DataConfig
from snncore.data.config_spec import data_spec
from snncore.data.specs import EVENT_SPECS, SPECS
from snncore.errors import DataError


@pytest.mark.parametrize("name", SPECS)
def test_a_published_set_is_as_published(name: Any) -> None:
    assert data_spec(DataConfig(name=name)) == SPECS[name]
    assert SPECS[name].has_time == (name in EVENT_SPECS)


@pytest.mark.parametrize(
    ("name", "channels"), [("digits", 1), ("cifar10", 3), ("imagenet", 3), ("nmnist", 2)]
)
def test_size_is_the_side_of_what_reaches_a_network(name: Any, channels: int) -> None:
    assert data_spec(DataConfig(name=name, size=20)).image_shape == (channels, 20, 20)


def test_saccades_make_two_channels_and_time() -> None:
    spec = data_spec(DataConfig(name="cifar10", events="saccades", size=24))
    assert spec.image_shape == (2, 24, 24)
    assert spec.has_time
    assert (spec.n_classes, spec.n_train) == (10, 50_000)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "shd", "size": 16}, r"data\.size: shd has no image to resize"),
        ({"name": "nmnist", "events": "saccades"}, r"data\.events: nmnist holds event frames already"),
        ({"name": "imagenet", "events": "saccades"}, r"data\.events: saccades needs images in memory"),
    ],
)
def test_what_a_set_cannot_give_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        data_spec(DataConfig(**data))
