"""The published recipes: each is a whole config, with the values of the papers' tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from snncore.config import load_config, make_config
from snncore.presets import PRESETS, merged


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_config_that_can_run(name: str) -> None:
    config = make_config({"preset": name})
    assert config.preset == name
    assert make_config(config.as_dict()) == config


# preset: arch, T, alpha, beta, temperature, lr, weight decay, batch, epochs (method.md's table of recipes)
RECIPES = {
    "p1_cifar10": ("resnet18", 6, 1.0, 0.3, 3.0, 0.1, 5e-4, 128, 300),
    "p1_cifar100": ("resnet18", 6, 1.0, 0.3, 3.0, 0.1, 5e-4, 128, 300),
    "p1_cifar10_dvs": ("resnet18", 10, 1.0, 0.1, 3.0, 0.1, 5e-4, 32, 300),
    "p1_imagenet": ("preact_resnet34", 4, 0.7, 0.3, 3.0, 0.2, 2e-5, 512, 100),
}


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_of_p1(name: str) -> None:
    config = make_config({"preset": name})
    distillation, optim = config.distillation, config.optim
    temperature = distillation.temperature or 3.0
    assert RECIPES[name] == (
        config.model.arch,
        config.T,
        distillation.alpha,
        distillation.beta,
        temperature,
        optim.lr,
        optim.weight_decay,
        optim.batch_size,
        optim.epochs,
    )
    assert (config.gradient, distillation.mode) == ("rate", "reliable")
    assert (config.neuron.decay, config.neuron.surrogate, config.neuron.surrogate_slope) == (
        0.2,
        "sigmoid",
        4,
    )
    assert (optim.schedule, optim.momentum, optim.loss_over_T) == ("cosine", 0.9, True)
    assert distillation.alpha_on == ("branches" if name == "p1_imagenet" else "all")


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("p2_")])
def test_the_recipes_of_p2(name: str) -> None:
    config = make_config({"preset": name})
    optim, neuron = config.optim, config.neuron
    assert (config.gradient, config.distillation.mode) == ("bptt", "strong2weak")
    assert (neuron.decay, neuron.v_threshold, neuron.surrogate, neuron.surrogate_slope) == (
        0.5,
        1.0,
        "rectangular",
        1.0,
    )
    assert (optim.lr, optim.schedule, optim.step_epochs, optim.step_factor) == (0.1, "step", 30, 0.1)
    assert (optim.epochs, optim.batch_size) == (100, 64)
    assert optim.weight_decay == (1e-3 if "dvs" in name else 1e-4)
    assert config.distillation.beta == (0.1 if name == "p2_dvs_gesture" else 1.0)


def test_fields_beside_a_preset_override_it(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("preset: p1_cifar100\noptim: {epochs: 5}\ndata: {root: elsewhere}\n")
    config = load_config(path, {"distillation.beta": 0.5})
    assert (config.optim.epochs, config.optim.weight_decay) == (5, 5e-4)
    assert (config.data.name, config.data.root) == ("cifar100", "elsewhere")
    assert (config.distillation.beta, config.distillation.branches) == (0.5, (1, 2, 3))


def test_a_list_is_replaced_not_joined_and_nothing_given_changes() -> None:
    below = {"a": {"list": [1, 2], "kept": 1}, "b": 2}
    above = {"a": {"list": [3]}, "b": {"c": 1}}
    assert merged(below, above) == {"a": {"list": [3], "kept": 1}, "b": {"c": 1}}
    assert below == {"a": {"list": [1, 2], "kept": 1}, "b": 2}
