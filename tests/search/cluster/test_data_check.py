from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.cluster.data_check import require_architectures, require_data, require_validation
from search.cluster.machine import describe_machine, installed_versions
from search.errors import SearchError
from spaces.condition import Condition
from tests.search.fakes import Choice, make_space

NAMES = Choice(("digits", "cifar10"))
AT_T_1 = {"T": Condition((1,))}


def test_the_embedded_data_set_needs_nothing(tmp_path: Path) -> None:
    require_data(make_space(tmp_path))


@pytest.mark.parametrize(
    ("base", "search", "missing"),
    [
        ({"data.name": "cifar100"}, {}, ["cifar100"]),
        ({}, {"data.name": NAMES}, ["cifar10"]),
        ({"data.name": "cifar100"}, {"data.name": NAMES}, ["cifar10"]),
        ({"data.name": "cifar100"}, {"data.name": Choice(("digits",), when=AT_T_1)}, ["cifar100"]),
        (
            {"data.name": "cifar100"},
            {"data.name": Choice(("digits",), when=AT_T_1, otherwise="fashion_mnist")},
            ["fashion_mnist"],
        ),
        ({}, {"preset": Choice(("p1_cifar100", "p2_dvs_gesture"))}, ["cifar100", "dvs_gesture"]),
        ({}, {"preset": Choice(("p1_cifar100",), when=AT_T_1)}, ["cifar100"]),
        (
            {"preset": "p1_cifar10"},
            {"preset": Choice(("p1_cifar100",), when=AT_T_1)},
            ["cifar100", "cifar10"],
        ),
        ({"data.name": "cifar10"}, {"preset": Choice(("p1_cifar100",))}, ["cifar10"]),
    ],
)
def test_every_data_set_that_can_be_sampled_must_be_there(
    tmp_path: Path, base: dict[str, Any], search: dict[str, Any], missing: list[str]
) -> None:
    with pytest.raises(SearchError) as caught:
        require_data(make_space(tmp_path, base=base, search=search))
    lines = str(caught.value).splitlines()
    assert len(lines) == len(missing)
    for line, name in zip(lines, missing, strict=True):
        assert f"spikefront data {name} --root {tmp_path}" in line


@pytest.mark.parametrize(
    ("base", "search"),
    [
        ({"data.val_fraction": 0}, {}),
        ({"data.val_fraction": 0.0}, {}),
        ({}, {"data.val_fraction": Choice((0.1, 0))}),
        ({"data.val_fraction": 0}, {"data.val_fraction": Choice((0.1,), when=AT_T_1)}),
        ({}, {"data.val_fraction": Choice((0.1,), when=AT_T_1, otherwise=0)}),
    ],
)
def test_a_search_without_validation_is_refused(
    tmp_path: Path, base: dict[str, Any], search: dict[str, Any]
) -> None:
    with pytest.raises(
        SearchError, match=r"^data\.val_fraction: 0 leaves no samples for validation, .* above 0"
    ):
        require_validation(make_space(tmp_path, base=base, search=search))


@pytest.mark.parametrize(
    ("base", "search"),
    [
        ({}, {}),
        ({"data.val_fraction": 0}, {"data.val_fraction": Choice((0.1, 0.2))}),
        ({"data.val_fraction": 0.1}, {"data.val_fraction": Choice((0.3,), when=AT_T_1)}),
    ],
)
def test_a_search_with_validation_goes_on(
    tmp_path: Path, base: dict[str, Any], search: dict[str, Any]
) -> None:
    require_validation(make_space(tmp_path, base=base, search=search))


def test_the_users_own_data_are_looked_into_before_a_study_starts(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_train=np.zeros((4, 8, 8), np.uint8), y_train=[0, 10**9, 0, 1])
    with pytest.raises(SearchError, match=r"^data: .*data\.npz: y_train should hold .* it holds 1000000000"):
        require_data(make_space(tmp_path, base={"data.name": "npz"}))


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert set(machine) == {"cpu", "cores", "memory_gib", "devices", "os", "node"}
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0
    assert machine["cpu"]


def test_versions_of_what_decides_results() -> None:
    versions = installed_versions()
    assert {"python", "ray", "optuna", "torch", "moocore"} <= set(versions)
    assert versions["optuna"].startswith("5.")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_here.py").write_text("def build(spec, width, neuron):\n    ...\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("base", "search", "missing"),
    [
        ({}, {}, []),
        ({"model.arch": "own_here:build"}, {}, []),
        ({"model.arch": "not_here:build"}, {}, ["not_here:build: cannot be imported: No module named"]),
        ({"model.arch": "own_here:made"}, {}, ["own_here:made: cannot be imported: .* no attribute 'made'"]),
        (
            {},
            {"model.arch": Choice(("convnet", "own_here:build", "not_here:build", "nor_here:build"))},
            ["not_here:build: cannot", "nor_here:build: cannot"],
        ),
        (
            {"model.arch": "not_here:build"},
            {"model.arch": Choice(("own_here:build",), when=AT_T_1)},
            ["not_here:build: cannot"],
        ),
    ],
)
def test_every_network_of_the_users_own_that_can_be_sampled_is_imported(
    base: dict[str, Any], search: dict[str, Any], missing: list[str]
) -> None:
    space = make_space(base=base, search=search)
    if not missing:
        require_architectures(space)
        return
    with pytest.raises(SearchError) as caught:
        require_architectures(space)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(missing)
    for line, pattern in zip(lines, missing, strict=True):
        assert re.match(rf"model\.arch: {pattern}", line)
