"""The published recipes: each value with the section, or the published file, that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from snncore.config.earlier_versions import changed_meaning
from snncore.config.load import load_config, make_config
from snncore.config.presets import PRESETS, merged
from snncore.config.rules import canonical
from snncore.config.schema import ADDED_LATER, Config
from snncore.data.augment.crop_flip import make_augmentation
from snncore.data.batches.normalisation import PUBLISHED as PUBLISHED_NORMALISATION
from snncore.data.config_spec import data_spec


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_config_that_can_run(name: str) -> None:
    config = make_config({"preset": name})
    assert config.preset == name
    assert make_config(config.as_dict()) == config


P1_CIFAR = ("p1_cifar10", "p1_cifar100", "p1_cifar10_resnet19", "p1_cifar100_resnet19")
P1 = (*P1_CIFAR, "p1_cifar10_dvs", "p1_imagenet")
P2_OF_THE_PAPER = ("p2_cifar10", "p2_cifar100", "p2_cifar10_dvs", "p2_dvs_gesture")
P2_STATIC = ("p2_cifar10", "p2_cifar100", "p2_cifar10_resnet19", "p2_cifar100_resnet19")
P2_EVENTS = ("p2_cifar10_dvs", "p2_dvs_gesture")
P2 = (*P2_STATIC, *P2_EVENTS)

PUBLISHED: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    # P0 and P1: arXiv 2410.11488, arXiv 2510.06254 with its published code.
    ("P1 published code, neuron", P1, {"neuron.decay": 0.2, "neuron.v_threshold": 1.0}),
    ("P0 method: soft reset, detached", P1, {"neuron.reset": "soft", "neuron.detach_reset": True}),
    ("P0 method: sigmoid of slope 4", P1, {"neuron.surrogate": "sigmoid", "neuron.surrogate_slope": 4.0}),
    ("P1 method, reliable teacher", P1, {"gradient": "rate", "distillation.mode": "reliable"}),
    ("P1 method: right is reliable", P1, {"distillation.reliability_threshold": 0.0}),
    ("P1 published code: loss divided by T", P1, {"optim.loss_over_T": True}),
    ("P1 recipe, training", P1, {"optim.name": "sgd", "optim.momentum": 0.9, "optim.schedule": "cosine"}),
    ("P1 recipe of CIFAR", P1_CIFAR, {"T": 6, "distillation.alpha": 1.0, "distillation.beta": 0.3}),
    ("P1 recipe of CIFAR", P1_CIFAR, {"optim.lr": 0.1, "optim.weight_decay": 5e-4, "optim.epochs": 300}),
    ("P1 recipe of CIFAR", P1_CIFAR, {"optim.batch_size": 128}),
    ("P1 recipe of CIFAR: branches", P1_CIFAR[:2], {"distillation.branches": (1, 2, 3)}),
    ("P1 recipe of CIFAR: networks", P1_CIFAR[:2], {"model.arch": "resnet18"}),
    ("P1 recipe of CIFAR: branches", P1_CIFAR[2:], {"distillation.branches": (1, 2)}),
    ("P1 recipe of CIFAR: networks", P1_CIFAR[2:], {"model.arch": "resnet19"}),
    ("P1 published code, CIFAR transforms", P1_CIFAR, {"data.augment": "autoaugment", "data.cutout": 16}),
    ("P1 recipe of CIFAR10-DVS", ("p1_cifar10_dvs",), {"model.arch": "resnet18", "T": 10, "data.size": 48}),
    ("P1 recipe of CIFAR10-DVS", ("p1_cifar10_dvs",), {"distillation.beta": 0.1, "optim.batch_size": 32}),
    ("P1 recipe of CIFAR10-DVS", ("p1_cifar10_dvs",), {"distillation.alpha": 1.0, "optim.lr": 0.1}),
    ("P1 recipe of CIFAR10-DVS", ("p1_cifar10_dvs",), {"optim.weight_decay": 5e-4, "optim.epochs": 300}),
    ("P1 published code, frames by number", ("p1_cifar10_dvs",), {"data.frames_by": "count"}),
    ("P1 published code, event transforms", ("p1_cifar10_dvs",), {"data.augment": "events"}),
    ("P1 recipe: branches", ("p1_cifar10_dvs", "p1_imagenet"), {"distillation.branches": (1, 2, 3)}),
    ("P1 recipe of ImageNet", ("p1_imagenet",), {"model.arch": "preact_resnet34", "T": 4}),
    ("P1 recipe of ImageNet", ("p1_imagenet",), {"distillation.alpha": 0.7, "distillation.beta": 0.3}),
    ("P1 published code: alpha on branches", ("p1_imagenet",), {"distillation.alpha_on": "branches"}),
    ("P1 recipe of ImageNet", ("p1_imagenet",), {"optim.lr": 0.2, "optim.weight_decay": 2e-5}),
    ("P1 recipe of ImageNet", ("p1_imagenet",), {"optim.batch_size": 512, "optim.epochs": 100}),
    ("P1 recipe of ImageNet", ("p1_imagenet",), {"data.augment": "imagenet", "data.size": 224}),
    # P2: arXiv 2510.07924.
    ("P2 sec. 3.1, soft reset", P2, {"neuron.reset": "soft"}),
    ("P2 app. B, neuron", P2, {"neuron.decay": 0.5, "neuron.v_threshold": 1.0}),
    ("P2 app. B, rectangle", P2, {"neuron.surrogate": "rectangular", "neuron.surrogate_slope": 1.0}),
    ("P2 method, strong to weak", P2, {"gradient": "bptt", "distillation.mode": "strong2weak"}),
    ("P2 app. B: beta 1 on all", P2, {"distillation.beta": 1.0, "distillation.temperature": 2.0}),
    ("P2 app. B, training", P2, {"optim.name": "sgd", "optim.momentum": 0.9, "optim.lr": 0.1}),
    ("P2 app. B, training", P2, {"optim.batch_size": 64, "optim.epochs": 100, "optim.loss_over_T": False}),
    (
        "P2 app. B, schedule",
        P2,
        {"optim.schedule": "step", "optim.step_epochs": 30, "optim.step_factor": 0.1},
    ),
    ("P2 app. B, weight decay", P2_STATIC, {"optim.weight_decay": 1e-4}),
    ("P2 app. B, weight decay", P2_EVENTS, {"optim.weight_decay": 1e-3}),
    ("P2 app. B: no Cutout", P2_STATIC, {"data.cutout": 0}),
    ("P2 app. B: AutoAugment", ("p2_cifar10", "p2_cifar10_resnet19"), {"data.augment": "autoaugment"}),
    ("P2 app. B: crop, flip", ("p2_cifar100", "p2_cifar100_resnet19"), {"data.augment": "crop_flip"}),
    ("P2 app. B: none named", P2_EVENTS, {"data.augment": "none"}),
    ("P2 results, VGG-9", P2_OF_THE_PAPER, {"model.arch": "vgg9"}),
    ("P2 results, steps", P2_STATIC, {"T": 4}),
    ("P2 results, steps", P2_EVENTS, {"T": 5}),
    # Where the papers are silent.
    ("ours", P2, {"neuron.detach_reset": True, "distillation.variant": "pair"}),
    ("ours", P2_EVENTS, {"data.size": 48, "data.frames_by": "time"}),
    ("ours", ("p2_cifar10_resnet19", "p2_cifar100_resnet19"), {"model.arch": "resnet19"}),
)
"""Where a value comes from, the presets that hold it, and the value: every field that a preset sets."""


@pytest.mark.parametrize(("source", "names", "values"), PUBLISHED)
def test_a_preset_holds_what_is_published(
    source: str, names: tuple[str, ...], values: dict[str, Any]
) -> None:
    for name in names:
        config = make_config({"preset": name})
        assert {field: value_of(config, field) for field in values} == values, f"{name}: {source}"


@pytest.mark.parametrize("name", PRESETS)
def test_every_field_that_a_preset_sets_has_its_source(name: str) -> None:
    named = {field for _, names, values in PUBLISHED if name in names for field in values}
    assert set(_leaves(PRESETS[name])) - {"data.name", "data.workers"} <= named


def value_of(config: Config, field: str) -> Any:
    section, _, name = field.rpartition(".")
    return getattr(getattr(config, section) if section else config, name)


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_pixels_of_p1s_cifar10() -> None:
    """Its published transforms: std 0.2023, 0.1994, 0.2010; a black square; grey where AutoAugment moves."""
    normalisation = PUBLISHED_NORMALISATION["cifar10"]
    assert normalisation.mean == (0.4914, 0.4822, 0.4465)
    assert normalisation.std == (0.2023, 0.1994, 0.2010)
    data = make_config({"preset": "p1_cifar10"}).data
    change = make_augmentation(data, data_spec(data), normalisation)
    images = torch.full((400, 3, 32, 32), 255, dtype=torch.uint8)
    changed = change(images, torch.Generator().manual_seed(0))
    grey = (changed == 128).all(1).flatten(1).any(1)
    assert grey.float().mean() > 0.1  # those moved
    n_black = (changed == 0).all(1).sum((1, 2))
    assert (n_black >= 8 * 8).all()  # a corner of the square at least
    assert n_black.float().mean() > 150


def test_a_whole_config_is_not_changed_by_what_its_preset_holds_now() -> None:
    """As earlier versions recorded it: P2 with the hard reset, no fields that came later."""
    then = make_config({"preset": "p2_cifar10", "neuron": {"reset": "hard", "detach_reset": False}}).as_dict()
    for field in ADDED_LATER:
        section, _, name = field.rpartition(".")
        del then[section][name]
    then["data"]["augment"] = "autoaugment"
    now = make_config(then)
    assert (now.neuron.reset, now.neuron.detach_reset) == ("hard", False)
    assert now.data.cutout is None  # autoaugment with its Cutout of before, not the preset's none
    assert not ADDED_LATER & {
        f"{section}.{name}" for section in ("data", "measure") for name in canonical(now)[section]
    }


def test_what_pixels_mean_otherwise_is_told_of_configs_of_before() -> None:
    now = make_config({"data": {"name": "cifar10"}}).as_dict()
    assert changed_meaning(now) is None
    del now["data"]["cutout"]
    assert "0.2470" in str(changed_meaning(now))
    assert changed_meaning(now | {"data": {"name": "cifar100"}}) is None


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
