"""Which configs share a probe: what the key leaves out must leave measured memory and counts alone."""

from __future__ import annotations

import copy
import time
from collections.abc import Collection
from functools import cache
from typing import Any

import pytest

import snncore.config.probe_key
from snncore.config.load import make_config, set_field
from snncore.config.probe_key import NEEDED_IF_OWN, SWITCHES, WITHOUT_EFFECT, probe_key
from snncore.config.rules import canonical
from snncore.config.schema import Config, field_names
from snncore.errors import ConfigError
from snncore.measure.probe import probe
from tests.test_rooms import loaded_by

EXACT = ("train_memory_mib", "infer_memory_mib", "n_parameters", "macs")
"""The metrics of a probe that are the same number on every run."""

BASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "one step": {"T": 1, "gradient": "bptt", "distillation.mode": "strong2weak"},
    "branches": {"distillation.mode": "reliable", "distillation.branches": [1, 2]},
    "no weight": {
        "T": 1,
        "distillation.mode": "deepest",
        "distillation.branches": [1],
        "distillation.beta": 0.0,
    },
    "time": {"gradient": "bptt", "distillation.mode": "strong2weak"},
    "both": {
        "gradient": "bptt",
        "distillation.mode": "reliable+simultaneous",
        "distillation.branches": [2],
        "optim.name": "adamw",
        "optim.schedule": "step",
    },
}
OF_ONE_SHAPE = ({"name": "cifar10_dvs", "size": 34}, {"name": "nmnist"})
SMALL = {"model": {"width": 0.125}, "optim": {"batch_size": 16}}

VALUES: dict[str, list[Any]] = {
    "preset": [None],  # a preset's fields are resolved: what they do is seen in the fields
    "T": [2, 3],
    "gradient": ["rate", "bptt"],
    "data.name": ["fashion_mnist"],
    "data.root": ["elsewhere"],
    "data.val_fraction": [0.3],
    "data.train_limit": [100],
    "data.augment": ["crop_flip", "fast"],
    "data.cutout": [0, 4],
    "data.size": [12],
    "data.events": ["saccades"],
    "data.frames_by": ["count"],
    "data.workers": [0],
    "model.arch": ["mlp"],
    "model.width": [0.25],
    "neuron.decay": [0.9],
    "neuron.v_threshold": [100.0, 0.01],  # no spikes, and almost nothing else
    "neuron.reset": ["hard"],
    "neuron.detach_reset": [False],
    "neuron.surrogate": ["rectangular", "triangle", "arctan"],
    "neuron.surrogate_slope": [0.5, 50.0],
    "distillation.mode": ["none", "supervised", "deepest", "ensemble", "reliable", "weak2strong"],
    "distillation.variant": ["ensemble_teacher", "ensemble_student", "cascade"],
    "distillation.branches": [[1], [1, 2, 3]],
    "distillation.reliability_threshold": [0.3, 0.9],
    "distillation.alpha": [0.5, 0.0],
    "distillation.alpha_on": ["branches"],
    "distillation.beta": [0.7, 0.0],
    "distillation.beta_temporal": [0.7, 0.0],
    "distillation.temperature": [1.0, 5.0],
    "optim.name": ["sgd", "adamw"],
    "optim.lr": [0.5],
    "optim.momentum": [0.5, 0.0],
    "optim.weight_decay": [0.1, 0.0],
    "optim.batch_size": [8],
    "optim.epochs": [7],
    "optim.schedule": ["step", "constant"],
    "optim.step_epochs": [3],
    "optim.step_factor": [0.5],
    "optim.warmup_epochs": [2],
    "optim.clip_norm": [1.0, 5.0],
    "optim.label_smoothing": [0.1, 0.2],
    "optim.ema_decay": [0.9, 0.99],
    "optim.loss_over_T": [True],
    "precision": ["bf16"],
    "seed": [1],
    "measure.batch_size": [2],
    "measure.threads": [2],
    "measure.device": ["cpu"],
    "measure.exit_confidence": [0.5],
    "origin": [{"study": "digits", "trial": 1}],
    "out": ["somewhere"],
}


def changed(base: str, *changes: tuple[str, Any]) -> Config | None:
    """A small config of digits; None where the trainer's rules refuse the combination."""
    values = copy.deepcopy(SMALL)
    for field, value in (*BASES[base].items(), *changes):
        set_field(values, field, value)
    try:
        return make_config(values)
    except ConfigError:
        return None


@cache
def exact_metrics(config: Config) -> dict[str, float | bool]:
    return probe(config, "cpu", EXACT)


def disagreements(field: str, bases: Collection[str]) -> list[str]:
    """Changes of a field that the key does not see and the measured metrics do."""
    found = []
    for base in bases:
        before = changed(base)
        assert before is not None
        for value in VALUES[field]:
            after = changed(base, (field, value))
            if after is None or probe_key(after) != probe_key(before):
                continue
            if exact_metrics(after) != exact_metrics(before):
                found.append(f"{base}: {field} {value}")
    return found


def test_every_field_of_a_config_is_tried() -> None:
    assert set(VALUES) == set(field_names())
    for field in set(VALUES) - {"preset"}:
        configs = [changed(base, (field, value)) for base in BASES for value in VALUES[field]]
        assert any(config is not None and config not in map(changed, BASES) for config in configs), field


@pytest.mark.parametrize(
    "bases", [("plain", "both"), pytest.param(tuple(BASES), marks=pytest.mark.slow)], ids=["few", "all"]
)
@pytest.mark.parametrize("field", VALUES)
def test_what_the_key_leaves_out_changes_no_exact_metric(field: str, bases: tuple[str, ...]) -> None:
    assert disagreements(field, bases) == []


@pytest.mark.parametrize(
    ("field", "base"),
    [("optim.momentum", "plain"), ("optim.ema_decay", "plain"), ("optim.batch_size", "time")],
)
def test_a_field_left_out_by_mistake_would_be_found(
    field: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snncore.config.probe_key, "WITHOUT_EFFECT", {**WITHOUT_EFFECT, field: "a mistake"})
    monkeypatch.setattr(snncore.config.probe_key, "SWITCHES", {})
    assert any(found.startswith(base) for found in disagreements(field, [base]))


def key(base: str, *changes: tuple[str, Any]) -> str:
    config = changed(base, *changes)
    assert config is not None
    return probe_key(config)


@pytest.mark.parametrize(
    ("base", "field", "value"),
    [
        ("plain", "optim.lr", 0.3),
        ("plain", "seed", 3),
        ("plain", "optim.epochs", 300),
        ("plain", "data.augment", "crop_flip"),
        ("plain", "data.size", 8),  # as it is without
        ("plain", "data.val_fraction", 0.5),
        ("branches", "distillation.alpha", 0.3),
        ("branches", "distillation.temperature", 4.0),
        ("time", "distillation.beta", 0.9),
        ("both", "optim.momentum", 0.0),  # AdamW keeps both of its averages
    ],
)
def test_configs_that_share_a_probe(base: str, field: str, value: Any) -> None:
    assert key(base, (field, value)) == key(base)


@pytest.mark.parametrize(
    ("base", "field", "value"),
    [
        ("plain", "T", 3),
        ("plain", "gradient", "bptt"),
        ("plain", "model.width", 0.126),
        ("plain", "neuron.reset", "hard"),
        ("plain", "neuron.surrogate", "arctan"),
        ("plain", "optim.momentum", 0.0),
        ("plain", "optim.weight_decay", 0.0),
        ("plain", "optim.ema_decay", 0.5),
        ("plain", "optim.clip_norm", 1.0),
        ("plain", "precision", "bf16"),
        ("plain", "measure.threads", 2),
        ("plain", "data.name", "cifar10"),
        ("branches", "distillation.branches", [1, 3]),
        ("branches", "distillation.reliability_threshold", 0.5),
        ("time", "distillation.variant", "cascade"),
    ],
)
def test_configs_that_do_not(base: str, field: str, value: Any) -> None:
    assert key(base, (field, value)) != key(base)


def test_once_set_a_switch_may_have_any_value() -> None:
    for field in set(SWITCHES) - {"distillation.reliability_threshold"}:
        values = [value for value in VALUES[field] if value] or [0.5]
        keys = {key("plain", (field, value)) for value in (*values, values[0] / 2)}
        assert len(keys) == 1, field


def test_data_are_known_by_shape_and_classes() -> None:
    keys = {
        probe_key(make_config({"data": data}))
        for data in (
            {"name": "cifar10"},
            {"name": "cifar10", "events": "saccades"},
            {"name": "cifar100"},
            {"name": "imagenet", "size": 32},
            {"name": "fashion_mnist", "size": 32},
        )
    }
    assert len(keys) == 5


def test_own_data_are_known_by_their_path_without_a_look_at_them() -> None:
    keys = {probe_key(make_config({"data": {"name": "npz", "root": root}})) for root in ("a.npz", "b.npz")}
    assert len(keys) == 2


@pytest.mark.parametrize("field", sorted(NEEDED_IF_OWN))
def test_an_own_network_is_told_all_of_the_neurons(field: str) -> None:
    own = {"model": {"arch": "tests.snncore.tiny:build"}}
    changed_own = copy.deepcopy(own)
    set_field(changed_own, field, 0.7)
    assert probe_key(make_config(own)) != probe_key(make_config(changed_own))
    assert key("plain", (field, 0.7)) == key("plain")


def test_an_own_network_is_told_how_many_samples_there_are() -> None:
    own = [{"model": {"arch": "tests.snncore.tiny:build"}, "data": data} for data in OF_ONE_SHAPE]
    built_in = [{"data": data} for data in OF_ONE_SHAPE]
    assert len({probe_key(make_config(values)) for values in own}) == 2
    assert len({probe_key(make_config(values)) for values in built_in}) == 1


def test_the_same_trial_has_the_same_probe() -> None:
    a, b = changed("one step"), changed("one step", ("distillation.mode", "none"))
    assert a is not None
    assert b is not None
    assert canonical(a) == canonical(b)
    assert probe_key(a) == probe_key(b)
    assert exact_metrics(a) == exact_metrics(b)


def test_the_reasons_name_fields() -> None:
    known = {*field_names(), "distillation.temperature_temporal"}
    assert set(WITHOUT_EFFECT) | set(SWITCHES) <= known
    assert not set(WITHOUT_EFFECT) & set(SWITCHES)
    assert set(WITHOUT_EFFECT) >= NEEDED_IF_OWN


def test_a_key_costs_well_under_a_millisecond_and_no_torch() -> None:
    config = make_config({"distillation": {"mode": "reliable", "branches": [1]}})
    times = []
    for _ in range(50):
        before = time.perf_counter()
        probe_key(config)
        times.append(time.perf_counter() - before)
    assert min(times) < 0.5e-3
    assert (
        loaded_by("import snncore.config.probe_key as it; from snncore import Config; it.probe_key(Config())")
        == set()
    )
