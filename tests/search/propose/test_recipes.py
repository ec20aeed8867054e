"""Every config and space we ship trains: it is parsed, built, and does one step on data of its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search.checker import TrainerChecker
from snncore.config.load import make_config
from snncore.config.presets import PRESETS
from snncore.config.schema import Config
from snncore.data.config_spec import data_spec
from snncore.measure.cost import input_shape
from snncore.training.step import Trainer
from spaces import RandomDraw, load_space, packaged_names, suggest


def one_step(config: Config, batch_size: int = 2) -> None:
    """Train on one random batch; the loss is finite and every weight that is trained moves."""
    spec = data_spec(config.data)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(input_shape(spec, config.T, batch_size), generator=generator) * 2
    labels = torch.arange(batch_size) % spec.n_classes
    trainer = Trainer(config, "cpu")
    trainer.network.train()
    before = [parameter.detach().clone() for parameter in trainer.network.parameters()]
    losses = trainer.step(x, labels).losses
    assert torch.isfinite(losses.total)
    assert losses.total > 0
    moved = [not torch.equal(a, b) for a, b in zip(before, trainer.network.parameters(), strict=True)]
    assert sum(moved) > len(moved) // 2  # a silent layer may keep some where they are


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains(name: str) -> None:
    one_step(make_config({"preset": name}))


@pytest.fixture(scope="module")
def own_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What a user might bring for the spaces `folder` and `npz`."""
    from PIL import Image

    root = tmp_path_factory.mktemp("own")
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        place = root / "images" / ("train" if number < 4 else "test") / f"class{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    np.savez(root / "data.npz", x_train=pixels, y_train=np.arange(6) % 2)
    return {"folder": root / "images", "npz": root / "data.npz"}


@pytest.mark.parametrize("name", packaged_names())
def test_every_space_trains_in_each_of_its_modes(name: str, own_data: dict[str, Path]) -> None:
    """One drawn config for every mode and architecture of the space; narrow: it is the path that counts."""
    overrides: dict[str, Any] = {"data.root": str(own_data[name])} if name in own_data else {}
    space = load_space(name, TrainerChecker(), overrides)[0]
    draw = RandomDraw(np.random.default_rng(1))
    drawn: dict[tuple[str, str], Config] = {}
    for _ in range(300):
        config = make_config(space.resolve(suggest(space, draw)))
        drawn.setdefault((config.distillation.mode, config.model.arch), config)
    assert {mode for mode, _ in drawn} == set(space.search["distillation.mode"].values())
    for config in drawn.values():
        values = config.as_dict()
        values["model"]["width"] = 0.0625
        values["T"] = min(config.T, 4)
        one_step(make_config(values))
