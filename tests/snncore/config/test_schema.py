"""What a config may hold, what is told of one that cannot run, and when two configs are one trial."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from snncore.config.load import config_problems, load_config, make_config, set_field
from snncore.config.rules import RULE_FIELDS, canonical
from snncore.config.schema import Config, field_names
from snncore.errors import ConfigError, UserError

ROOT = Path(__file__).parents[3]


def problem_text(values: dict[str, Any]) -> str:
    return "\n".join(str(problem) for problem in config_problems(values))


def test_the_defaults_are_those_of_the_contract() -> None:
    config = Config()
    assert (config.T, config.gradient, config.seed) == (4, "rate", 0)
    assert (config.distillation.mode, config.distillation.beta) == ("none", 0.3)
    assert (config.optim.lr, config.optim.epochs, config.optim.weight_decay) == (0.1, 20, 5e-4)
    assert config_problems({}) == []


def test_all_mistakes_are_told_at_once() -> None:
    text = problem_text({"T": 0, "optim": {"lr": "fast", "epoch": 3}, "distillation": {"mode": "relable"}})
    assert "T: got 0, allowed: greater than or equal to 1" in text
    assert "optim.lr: got 'fast'" in text
    assert "optim.epoch: unknown key; did you mean 'optim.epochs'?" in text
    assert "'reliable'" in text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"distillation": {"mode": "strong2weak"}}, "needs a gradient at every time step"),
        ({"distillation": {"mode": "reliable"}}, "needs at least one branch"),
        ({"distillation": {"mode": "reliable", "branches": [4]}}, "stages from 1 to 3"),
        ({"distillation": {"mode": "reliable", "branches": [2, 1]}}, "ascending"),
        ({"distillation": {"mode": "reliable", "branches": [1, 1]}}, "each once"),
        ({"neuron": {"decay": 1.0}}, "less than 1"),
        ({"optim": {"lr": float("nan")}}, "got nan"),
        ({"T": 2.5}, "got 2.5"),
        ({"T": True}, "got True"),
        ({"optim": {"lr": "0.1"}}, "optim.lr: got '0.1', allowed: a valid number"),
        ({"distillation": {"alpha": True}}, "distillation.alpha: got True"),
        ({"distillation": {"mode": "relable"}}, "did you mean 'reliable'?"),
        ({"precision": "fp8"}, "allowed: 'fp32'"),
        ({"model": {"arch": "resnet"}}, "model.arch: got 'resnet', allowed: 'convnet'"),
        ({"model": {"arch": "resnet"}}, "or your own as package.module:factory; did you mean 'resnet1"),
        ({"model": {"arch": "my net:build"}}, "or your own as package.module:factory"),
        ({"preset": "p1_cifar1000"}, "preset: got 'p1_cifar1000', allowed: 'p1_cifar10', "),
        ({"preset": "p1_cifar1000"}, "did you mean 'p1_cifar100'?"),
        ({"preset": 3}, "preset: got 3"),
        ({"preset": "p1_cifar10", "T": 0}, "T: got 0"),
        ({"preset": "p2_cifar10", "gradient": "rate"}, "needs a gradient at every time step"),
        ({"model": {"arch": "mlp"}, "distillation": {"mode": "reliable", "branches": [1]}}, "has no stages"),
        (
            {"distillation": {"mode": "reliable+strong2weak", "branches": [1]}},
            "'strong2weak' needs a gradient",
        ),
        ({"data": {"name": "shd"}}, "convnet needs images, and shd has 700 channels without place; use mlp"),
        ({"data": {"name": "shd", "size": 32}, "model": {"arch": "mlp"}}, "no image to resize"),
        ({"data": {"name": "shd", "augment": "events"}, "model": {"arch": "mlp"}}, "shd has none"),
        ({"data": {"name": "nmnist", "size": 48}}, "allowed for nmnist: up to 34, its sensor's side"),
        ({"data": {"name": "nmnist", "events": "saccades"}}, "holds events already"),
        ({"data": {"name": "imagenet", "events": "saccades"}}, "read image by image"),
        ({"data": {"augment": "events"}}, "digits holds still images"),
        ({"data": {"name": "nmnist", "augment": "crop_flip"}}, "is for still images"),
        ({"data": {"events": "saccades", "augment": "fast"}}, "is for still images"),
        ({"data": {"augment": "autoaugment"}}, "changes colours, and digits has none"),
        ({"data": {"augment": "imagenet"}}, "imagenet takes 'imagenet' or none"),
        ({"data": {"name": "imagenet", "augment": "fast"}}, "imagenet takes 'imagenet' or none"),
        ({"data": {"cutout": 9}}, "data.cutout: got 9, allowed for images of 8 pixels: 0 to 8"),
        ({"data": {"size": 12, "cutout": 13}}, "allowed for images of 12 pixels: 0 to 12"),
        ({"data": {"cutout": -1}}, "data.cutout: got -1"),
        ({"data": {"events": "saccades", "cutout": 4}}, "Cutout is for still images, allowed here: 0"),
        ({"data": {"name": "nmnist", "cutout": 4}}, "Cutout is for still images, allowed here: 0"),
        ({"measure": {"exit_confidence": 0.0}}, "measure.exit_confidence: got 0.0"),
        ({"measure": {"exit_confidence": 1.1}}, "measure.exit_confidence: got 1.1"),
        ({"optim": {"ema_decay": 1.0}}, "less than 1"),
        ({"optim": {"warmup_epochs": 5, "epochs": 5}}, "fewer than optim.epochs, which is 5"),
        ({"data": 3}, "data: got 3"),
    ],
)
def test_what_cannot_run_is_refused_with_its_reason(values: dict[str, Any], message: str) -> None:
    assert message in problem_text(values)
    with pytest.raises(ConfigError, match="problem"):
        make_config(values)


def test_the_rules_read_only_the_fields_they_name() -> None:
    names = field_names()
    assert set(RULE_FIELDS) <= set(names)
    assert "distillation.reliability_threshold" in names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"distillation": {"alpha": 0.5, "branches": [1]}}, {}),
        ({"distillation": {"beta": 0.9, "variant": "cascade", "temperature": 1}}, {}),
        (
            {"gradient": "bptt", "T": 1, "distillation": {"mode": "strong2weak"}},
            {"gradient": "bptt", "T": 1},
        ),
        (
            {"distillation": {"mode": "supervised", "branches": [1], "beta": 0.7}},
            {"distillation": {"mode": "supervised", "branches": [1]}},
        ),
        (
            {"distillation": {"mode": "deepest", "branches": [1], "reliability_threshold": 0.5}},
            {"distillation": {"mode": "deepest", "branches": [1]}},
        ),
        (
            {"distillation": {"mode": "reliable", "branches": [1], "temperature": 3}},
            {"distillation": {"mode": "reliable", "branches": [1]}},
        ),
        ({"data": {"root": "elsewhere"}, "out": "x"}, {}),
        ({"data": {"frames_by": "count", "workers": 0}}, {}),
        ({"optim": {"step_epochs": 3, "step_factor": 0.5}}, {}),
        ({"data": {"cutout": 0}}, {}),
        ({"data": {"augment": "fast", "cutout": 3}}, {"data": {"augment": "crop_flip", "cutout": 3}}),
        ({"T": 1, "measure": {"exit_confidence": 0.5}}, {"T": 1}),
        (
            {"gradient": "bptt", "T": 1, "distillation": {"mode": "reliable+weak2strong", "branches": [1]}},
            {"gradient": "bptt", "T": 1, "distillation": {"mode": "reliable", "branches": [1]}},
        ),
        (
            {"gradient": "bptt", "distillation": {"mode": "strong2weak", "beta_temporal": 0.5}},
            {"gradient": "bptt", "distillation": {"mode": "strong2weak"}},
        ),
        (
            {"preset": "p1_cifar100"},
            make_config({"preset": "p1_cifar100"}).as_dict() | {"preset": None},
        ),
    ],
)
def test_fields_without_effect_make_no_other_trial(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical(make_config(one)) == canonical(make_config(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"seed": 1}, {}),
        ({"T": 5}, {}),
        ({"measure": {"batch_size": 2}}, {}),
        ({"measure": {"exit_confidence": 0.5}}, {}),
        ({"data": {"cutout": 3}}, {}),
        ({"data": {"augment": "fast", "cutout": 4}}, {"data": {"augment": "fast"}}),
        ({"data": {"augment": "fast", "cutout": 0}}, {"data": {"augment": "fast"}}),
        (
            {"data": {"name": "cifar10", "augment": "autoaugment", "cutout": 0}},
            {"data": {"name": "cifar10", "augment": "autoaugment"}},
        ),
        (
            {"distillation": {"mode": "reliable", "branches": [1], "reliability_threshold": 0.5}},
            {"distillation": {"mode": "reliable", "branches": [1]}},
        ),
        (
            {"distillation": {"mode": "reliable", "branches": [1]}},
            {"distillation": {"mode": "reliable", "branches": [2]}},
        ),
        (
            {"distillation": {"mode": "reliable", "branches": [1], "alpha": 0.5, "alpha_on": "branches"}},
            {"distillation": {"mode": "reliable", "branches": [1], "alpha": 0.5}},
        ),
        (
            {
                "gradient": "bptt",
                "distillation": {"mode": "reliable+strong2weak", "branches": [1], "beta_temporal": 0.5},
            },
            {"gradient": "bptt", "distillation": {"mode": "reliable+strong2weak", "branches": [1]}},
        ),
        (
            {"data": {"name": "nmnist", "frames_by": "count"}},
            {"data": {"name": "nmnist"}},
        ),
        ({"data": {"name": "folder", "root": "a"}}, {"data": {"name": "folder", "root": "b"}}),
        ({"optim": {"schedule": "step", "step_epochs": 3}}, {"optim": {"schedule": "step"}}),
    ],
)
def test_fields_with_effect_make_another_trial(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical(make_config(one)) != canonical(make_config(other))


def test_a_file_is_read_as_yaml_1_2_with_overrides(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("optim: {weight_decay: 1e-3}\nT: 2\n")
    config = load_config(path, {"T": 3, "data.name": "cifar10"})
    assert (config.optim.weight_decay, config.T, config.data.name) == (1e-3, 3, "cifar10")
    assert make_config(config.as_dict()) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("T: 1\nT: 2\n", "duplicate key"),
        ("- 1\n", "a config is a mapping"),
        ("a: [1\n", "not valid YAML"),
        ("T: !!python/object:os.system x\n", "the tag .* is not allowed"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load_config(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file$"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(UserError, match=r"cannot be read: Is a directory$"):
        load_config(tmp_path)


def test_a_space_is_told_what_searches_it(tmp_path: Path) -> None:
    path = tmp_path / "my space.yaml"
    path.write_text((ROOT / "spaces" / "digits.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(UserError, match=r"this is a space; python -m search\.run --space '.*' searches it$"):
        load_config(path)
    path.write_text("objectives: {val_accuracy: maximize}", encoding="utf-8")
    with pytest.raises(UserError, match="this is a space"):
        load_config(path)


def documented_fields() -> dict[str, tuple[str, str, str]]:
    """What docs/snncore.md says a field takes, its default, and what it is."""
    page = (ROOT / "docs" / "snncore.md").read_text(encoding="utf-8")
    table = page.partition("\n## Fields\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {name.strip("`"): (takes, default.strip("`"), meaning) for name, takes, default, meaning in rows}


def field_infos(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from field_infos(info.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, info


def test_the_page_holds_every_field_as_the_model_has_it() -> None:
    documented, infos = documented_fields(), dict(field_infos())
    assert list(documented) == list(infos) == field_names()
    yaml = YAML(typ="safe", pure=True)
    for name, (takes, default, meaning) in documented.items():
        expected = infos[name].default
        assert yaml.load(default) == (list(expected) if isinstance(expected, tuple) else expected), name
        assert meaning == infos[name].description, name
        if get_origin(infos[name].annotation) is Literal and name != "distillation.mode":
            assert takes == ", ".join(f"`{option}`" for option in get_args(infos[name].annotation)), name
        assert ("null" in takes) == (type(None) in get_args(infos[name].annotation)), name


def test_a_value_has_no_fields() -> None:
    with pytest.raises(UserError, match="T is a value, not a section"):
        set_field({"T": 4}, "T.x", 1)
