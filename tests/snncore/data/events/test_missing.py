from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from snncore.data.events import isolated, packages
from snncore.data.events.missing import find_problem
from snncore.data.events.sets.open_source import open_source
from snncore.data.specs import EVENT_SPECS
from tests.snncore.data.events.fixtures import (
    aedat2_bytes,
    write_cifar10_dvs,
    write_dvs_gesture,
    write_nmnist,
    write_shd,
)

WRITERS = {
    "cifar10_dvs": write_cifar10_dvs,
    "dvs_gesture": write_dvs_gesture,
    "nmnist": write_nmnist,
    "shd": write_shd,
}


def test_specs_and_problems_are_told_without_torch_and_without_readers() -> None:
    code = (
        "import sys\n"
        "from snncore.data.events import cache, files, missing\n"
        "missing.find_problem('nmnist', '.')\n"
        "print([name for name in ('torch', 'tonic', 'aedat', 'h5py') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", sorted(EVENT_SPECS))
def test_a_missing_root_names_the_command(name: str, tmp_path: Path) -> None:
    root = tmp_path / "my data"
    assert find_problem(name, root) == (
        f"data: {name} is not at hand: the folder {root} does not exist; "
        f"run: spikefront data {name} --root '{root}'"
    )


@pytest.mark.parametrize("name", sorted(EVENT_SPECS))
def test_complete_data_have_no_problem(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    assert find_problem(name, tmp_path) is None


def test_absent_folders_and_parts_are_listed(tmp_path: Path) -> None:
    assert f"there is no folder {tmp_path / 'NMNIST'}" in str(find_problem("nmnist", tmp_path))
    folder = write_cifar10_dvs(tmp_path)
    (folder / "cat").rename(folder / "cats")
    (folder / "dog").rename(folder / "dogs")
    assert f"{folder} lacks cat, dog; run:" in str(find_problem("cifar10_dvs", tmp_path))


def test_a_root_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_shd(tmp_path / "sets")
    assert find_problem("shd", "~/sets") is None


@pytest.mark.parametrize(
    ("name", "package"),
    [("nmnist", None), ("shd", "h5py"), ("cifar10_dvs", "aedat"), ("dvs_gesture", None)],
)
def test_a_package_that_is_not_installed_is_named(
    name: str, package: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WRITERS[name](tmp_path)
    installed = importlib.util.find_spec
    monkeypatch.setattr(
        packages.importlib.util, "find_spec", lambda asked: None if asked == package else installed(asked)
    )
    problem = find_problem(name, tmp_path)
    if package is None:
        assert problem is None
        return
    message = f"data: {name} is read through {package}, which is not installed; run: pip install '{package}>="
    assert str(problem).startswith(message)
    with pytest.raises(ValueError, match=f"{package}, which is not installed"):
        packages.require_package(package, name)


def test_the_published_form_of_cifar10_dvs_needs_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar10_dvs(tmp_path, suffix=".aedat", to_bytes=aedat2_bytes)
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda asked: None)
    assert find_problem("cifar10_dvs", tmp_path) is None


@pytest.mark.parametrize(("name", "package"), [("shd", "h5py"), ("cifar10_dvs", "aedat")])
def test_a_package_that_does_not_load_is_told(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WRITERS[name](tmp_path / "data")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / f"{package}.py").write_text("raise ImportError('libhdf5.so is missing')")
    monkeypatch.syspath_prepend(tmp_path / "broken")
    monkeypatch.setattr(isolated, "_child", None)
    with pytest.raises(ValueError, match=rf"is read through {package}, which does not load: libhdf5\.so is"):
        open_source(name, tmp_path / "data", is_train=True).read(0)
    isolated._child.end()
