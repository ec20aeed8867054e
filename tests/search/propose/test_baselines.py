"""Published recipes as params: which of them lie in a space, and in what form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import optuna
import pytest

from search.config_key import disagreements, resolve
from search.propose.baselines import FREE, baselines
from search.propose.draws import OptunaDraw
from snncore.config.load import make_config
from snncore.config.presets import PRESETS
from snncore.config.schema import Config, field_names
from spaces import Choice, FloatRange, IntRange, Parameter, Space, Subset, load_space, packaged_names, suggest
from spaces.condition import Condition
from tests.search.fakes import make_space
from tests.spaces.helpers import TRAINER


def packaged(name: str) -> Space:
    return load_space(name, TRAINER)[0]


def configs(space: Space) -> list[Config]:
    return [make_config(space.resolve(params)) for params in baselines(space)]


def make(search: dict[str, Parameter], base: dict[str, Any] | None = None) -> Space:
    return replace(make_space(), base=base or {}, search=search)


@pytest.mark.parametrize("name", packaged_names())
def test_baselines_of_a_packaged_space_are_params_that_a_sampler_could_give(name: str) -> None:
    space = packaged(name)
    found = baselines(space)
    assert len({resolve(space, params)[1] for params in found}) == len(found)
    study = optuna.create_study()
    for params in found:
        study.enqueue_trial(params)
        assert suggest(space, OptunaDraw(study.ask())) == params  # nothing is drawn instead


@pytest.mark.parametrize("name", [name for name in packaged_names() if "preset" in packaged(name).base])
def test_a_space_over_a_preset_has_its_recipe_and_the_baseline_of_it(name: str) -> None:
    space = packaged(name)
    recipe = make_config({"preset": space.base["preset"]})
    first, plain = configs(space)
    assert set(disagreements(first, recipe)) <= set(FREE)
    assert plain.distillation.mode == "none"
    differs = disagreements(plain, first)
    assert all(field.startswith("distillation.") for field in differs)
    assert "distillation.mode" in differs


def test_the_recipe_of_cifar100_as_params() -> None:
    assert baselines(packaged("cifar100"))[0] == {
        "T": 6,
        "optim.lr": 0.1,
        "distillation.mode": "reliable",
        "gradient": "rate",
        "distillation.branches": "1,2,3",
        "distillation.reliability_threshold": 0.0,
        "distillation.alpha": 1.0,
        "distillation.beta": 0.3,
    }


def test_a_space_without_a_preset_has_the_trainers_defaults() -> None:
    space = packaged("digits")
    assert [config.distillation.mode for config in configs(space)] == ["none"]
    assert not disagreements(configs(space)[0], make_config(space.base))
    assert baselines(packaged("shd")) == []  # the default lr is not for AdamW, and lies outside


def test_recipes_of_other_presets_lie_in_a_space_that_searches_what_they_differ_in() -> None:
    both = {
        "model.arch": Choice(("resnet18", "vgg9")),
        "data.cutout": Choice((0, 16)),
        "neuron.decay": FloatRange(0.1, 0.9),
        "neuron.reset": Choice(("soft", "hard")),
        "neuron.detach_reset": Choice((True, False)),
        "neuron.surrogate": Choice(("sigmoid", "rectangular")),
        "neuron.surrogate_slope": FloatRange(1.0, 4.0),
        "T": IntRange(1, 8),
        "distillation.mode": Choice(("none", "reliable", "strong2weak")),
        "gradient": Choice(("rate", "bptt")),
        "distillation.branches": Subset((1, 2, 3), when={"distillation.mode": Condition(("reliable",))}),
        "distillation.beta": FloatRange(0.0, 1.0),
        "optim.batch_size": Choice((64, 128)),
        "optim.weight_decay": FloatRange(1e-5, 1e-2, log=True),
        "optim.schedule": Choice(("cosine", "step")),
        "optim.loss_over_T": Choice((True, False)),
    }
    space = make(both, {"preset": "p1_cifar10"})
    found = configs(space)
    for config, name in zip(found, ("p1_cifar10", "p2_cifar10"), strict=False):
        assert set(disagreements(config, make_config({"preset": name}))) <= set(FREE)
    assert [config.distillation.mode for config in found] == ["reliable", "strong2weak", "none", "none"]
    del both["model.arch"]
    assert [config.distillation.mode for config in configs(make(both, space.base))] == ["reliable", "none"]


@pytest.mark.parametrize(
    ("base", "n"),
    [
        ({}, 2),
        ({"optim": {"epochs": 30}, "data": {"val_fraction": 0.5, "train_limit": 99}, "precision": "bf16"}, 2),
        ({"measure": {"batch_size": 8, "threads": 2, "device": "cpu"}, "seed": 7, "out": "x"}, 2),
    ],
)
def test_how_long_where_and_how_measured_is_free(base: dict[str, Any], n: int) -> None:
    space = packaged("cifar100")
    assert len(baselines(replace(space, base={**space.base, **base}))) == n


def test_what_base_overrides_makes_the_users_own_recipe_and_no_published_one() -> None:
    narrow = {"optim.lr": FloatRange(0.01, 1.0, log=True)}
    own = make(narrow, {"preset": "p1_cifar10", "optim": {"batch_size": 64}})
    assert baselines(own) == [{"optim.lr": 0.1}]
    spelt_out = make_config({"preset": "p1_cifar10"}).as_dict()
    assert baselines(make(narrow, {**spelt_out, "preset": None})) == [{"optim.lr": 0.1}]
    other = {**spelt_out, "preset": None, "optim": {**spelt_out["optim"], "lr": 5.0, "batch_size": 64}}
    assert baselines(make(narrow, other)) == []  # neither base's lr nor the batch size of the recipe


def test_a_searched_field_that_is_free_takes_the_nearest_value() -> None:
    search: dict[str, Parameter] = {"optim.epochs": IntRange(10, 50), "optim.lr": FloatRange(0.01, 1.0)}
    assert baselines(make(search, {"preset": "p1_cifar10"})) == [{"optim.epochs": 50, "optim.lr": 0.1}]
    search["optim.lr"] = FloatRange(0.5, 1.0)
    assert baselines(make(search, {"preset": "p1_cifar10"})) == []


def test_a_field_without_effect_may_have_any_value() -> None:
    search: dict[str, Parameter] = {
        "distillation.mode": Choice(("none",)),
        "distillation.alpha": FloatRange(0.1, 0.5),  # 1.0 by default, which mode none does not look at
    }
    assert baselines(make(search)) == [{"distillation.mode": "none", "distillation.alpha": 0.5}]


def test_a_large_subset_is_booleans_and_a_choice_is_the_files_own() -> None:
    search: dict[str, Parameter] = {
        "distillation.branches": Subset((1, 2, 3, 4, 5)),
        "optim.momentum": Choice((0.9, 0)),
    }
    base = {"distillation": {"mode": "reliable", "branches": [1, 3]}, "model": {"arch": "a.b:c"}}
    assert baselines(make(search, {**base, "optim": {"momentum": 0.0}})) == [
        {f"distillation.branches[{stage}]": stage in (1, 3) for stage in range(1, 6)} | {"optim.momentum": 0}
    ]
    (params,) = baselines(make(search, {**base, "optim": {"momentum": 0.0}}))
    assert type(params["optim.momentum"]) is int


@pytest.mark.parametrize(
    ("temperature", "mode", "found"),
    [(None, "reliable", 3.0), (None, "strong2weak", 2.0), (1.5, "reliable", 1.5)],
)
def test_a_temperature_left_open_is_the_published_one(
    temperature: float | None, mode: str, found: float
) -> None:
    distillation = {"mode": mode, "branches": [1], "temperature": temperature}
    space = make(
        {"distillation.temperature": FloatRange(1.0, 4.0)}, {"gradient": "bptt", "distillation": distillation}
    )
    assert baselines(space) == [{"distillation.temperature": found}]


def test_a_base_that_is_only_whole_with_searched_fields_is_no_recipe() -> None:
    search: dict[str, Parameter] = {"distillation.branches": Subset((1, 2))}
    assert baselines(make(search, {"distillation": {"mode": "reliable"}})) == []


def test_the_free_fields_are_fields() -> None:
    assert set(FREE) <= set(field_names())
    for name in PRESETS:  # else a recipe would be taken for another one
        recipe = make_config({"preset": name})
        others = [make_config({"preset": other}) for other in PRESETS if other != name]
        assert all(set(disagreements(recipe, other)) - set(FREE) for other in others)
