from __future__ import annotations

from pathlib import Path

import pytest

from snncore.config.schema import DataConfig
from snncore.data.files import FILES
from snncore.data.missing import find_problem
from snncore.errors import DataError
from tests.snncore.data.fixtures import load, write_cifar10, write_cifar100, write_fashion


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_root_names_the_command(name: str, tmp_path: Path) -> None:
    config = DataConfig(name=name, root=str(tmp_path / "nowhere"))
    problem = find_problem(config)
    assert problem is not None
    assert f"spikefront data {name} --root {tmp_path / 'nowhere'}" in problem
    assert "does not exist" in problem
    with pytest.raises(DataError, match=f"spikefront data {name} --root"):
        load(config)


def test_the_default_root_gives_the_command_as_it_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    problem = find_problem(DataConfig(name="fashion_mnist"))
    assert str(problem).endswith("; run: spikefront data fashion_mnist --root data")


def test_a_root_with_a_space_is_quoted(tmp_path: Path) -> None:
    problem = find_problem(DataConfig(name="cifar10", root=str(tmp_path / "my data")))
    assert str(problem).endswith(f"--root '{tmp_path}/my data'")


def test_a_root_without_the_folder(tmp_path: Path) -> None:
    problem = find_problem(DataConfig(name="cifar10", root=str(tmp_path)))
    assert f"there is no folder {tmp_path / 'cifar-10-batches-py'}" in str(problem)


def test_absent_files_are_listed(tmp_path: Path) -> None:
    folder = write_cifar10(tmp_path)
    (folder / "data_batch_2").unlink()
    (folder / "test_batch").unlink()
    problem = find_problem(DataConfig(name="cifar10", root=str(tmp_path)))
    assert "lacks data_batch_2, test_batch;" in str(problem)


def test_complete_data_have_no_problem(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    write_cifar100(tmp_path)
    write_fashion(tmp_path / "FashionMNIST" / "raw", gzipped=True)
    assert [find_problem(DataConfig(name=name, root=str(tmp_path))) for name in FILES] == [None] * 3


def test_a_root_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_cifar100(tmp_path / "sets", n_train=200)
    config = DataConfig(name="cifar100", root="~/sets")
    assert find_problem(config) is None
    assert len(load(config).train) == 100  # of 200, two in each class
