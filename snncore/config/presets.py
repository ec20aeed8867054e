"""Published recipes by name, for `preset: p1_cifar100`. Imports no torch.

A preset is a part of a config; the fields written beside `preset` override it. The values are those of the
papers' recipes (P1: arXiv 2510.06254; P2: arXiv 2510.07924), or ours where docs/snncore.md says so; the loss
is divided by T where published code does so. tests/snncore/config/test_presets.py gives the source of each
value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = dict[str, Any]


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Values:
    """`below` updated with `above`: sections are merged, other values replaced."""
    result: Values = {key: _copied(value) for key, value in below.items()}
    for key, value in above.items():
        old = result.get(key)
        is_section = isinstance(old, dict) and isinstance(value, Mapping)
        result[key] = merged(old, value) if is_section else value  # type: ignore[arg-type]
    return result


def _copied(value: Any) -> Any:
    """As `copy.deepcopy`, which is ten times slower, for the types of values in presets."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return list(value) if isinstance(value, list) else value


_P1: Values = {
    "gradient": "rate",
    "neuron": {"decay": 0.2, "v_threshold": 1.0, "reset": "soft", "detach_reset": True}
    | {"surrogate": "sigmoid", "surrogate_slope": 4.0},
    "distillation": {"mode": "reliable", "branches": [1, 2, 3], "reliability_threshold": 0.0, "alpha": 1.0},
    "optim": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5.0e-4, "batch_size": 128}
    | {"epochs": 300, "schedule": "cosine", "loss_over_T": True},
}
"""Rate-based training with reliable teachers; the basis of every P1 recipe."""

_P2: Values = {
    "gradient": "bptt",
    "neuron": {"decay": 0.5, "v_threshold": 1.0, "reset": "soft", "detach_reset": True}
    | {"surrogate": "rectangular", "surrogate_slope": 1.0},
    "distillation": {"mode": "strong2weak", "variant": "pair", "beta": 1.0, "temperature": 2.0},
    "optim": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1.0e-4, "batch_size": 64}
    | {"epochs": 100, "schedule": "step", "step_epochs": 30, "step_factor": 0.1, "loss_over_T": False},
}
"""Temporal self-distillation; the basis of every P2 recipe (sec. 3.1, app. B).

Ours, because the paper does not say: no gradient flows through the reset; the factor τ² of the distillation
loss and its detached teacher (`snncore.training.losses`).
"""


def _p1(data: Values, **fields: Any) -> Values:
    return merged(_P1, {"data": data, **fields})


def _p2(data: Values, **fields: Any) -> Values:
    return merged(_P2, {"data": data, **fields})


def _p1_cifar(name: str, arch: str, branches: list[int]) -> Values:
    return _p1(
        {"name": name, "augment": "autoaugment", "cutout": 16},
        T=6,
        model={"arch": arch},
        distillation={"branches": branches, "beta": 0.3},
    )


def _p2_cifar(name: str, arch: str) -> Values:
    """AutoAugment for CIFAR-10 alone, and no Cutout (app. B)."""
    augment = "autoaugment" if name == "cifar10" else "crop_flip"
    return _p2({"name": name, "augment": augment, "cutout": 0}, T=4, model={"arch": arch})


_EVENT_DECAY = {"weight_decay": 1.0e-3}

PRESETS: dict[str, Values] = {
    "p1_cifar10": _p1_cifar("cifar10", "resnet18", [1, 2, 3]),
    "p1_cifar100": _p1_cifar("cifar100", "resnet18", [1, 2, 3]),
    "p1_cifar10_resnet19": _p1_cifar("cifar10", "resnet19", [1, 2]),
    "p1_cifar100_resnet19": _p1_cifar("cifar100", "resnet19", [1, 2]),
    "p1_cifar10_dvs": _p1(
        {"name": "cifar10_dvs", "size": 48, "augment": "events", "frames_by": "count"},
        T=10,
        model={"arch": "resnet18"},
        distillation={"beta": 0.1},
        optim={"batch_size": 32},
    ),
    "p1_imagenet": _p1(
        {"name": "imagenet", "size": 224, "augment": "imagenet", "workers": 16},
        T=4,
        model={"arch": "preact_resnet34"},
        distillation={"alpha": 0.7, "alpha_on": "branches", "beta": 0.3},
        optim={"lr": 0.2, "weight_decay": 2.0e-5, "batch_size": 512, "epochs": 100},
    ),
    "p2_cifar10": _p2_cifar("cifar10", "vgg9"),
    "p2_cifar100": _p2_cifar("cifar100", "vgg9"),
    # P2's network with the recipe of its VGG-9 is ours. The paper trains it with the strategy of TKS.
    "p2_cifar10_resnet19": _p2_cifar("cifar10", "resnet19"),
    "p2_cifar100_resnet19": _p2_cifar("cifar100", "resnet19"),
    "p2_cifar10_dvs": _p2(
        {"name": "cifar10_dvs", "size": 48, "augment": "none"},
        T=5,
        model={"arch": "vgg9"},
        optim=_EVENT_DECAY,
    ),
    "p2_dvs_gesture": _p2(
        {"name": "dvs_gesture", "size": 48, "augment": "none"},
        T=5,
        model={"arch": "vgg9"},
        optim=_EVENT_DECAY,
    ),
}
