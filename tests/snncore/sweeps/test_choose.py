"""A wrong backend is never chosen silently: by name it is an error, by device one warning."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from snncore.errors import UserError
from snncore.sweeps import choose, compiler, cpp_sweeps, sweeps_for
from snncore.sweeps.choose import VARIABLE, SlowBackendWarning

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def fresh_choice() -> Iterator[None]:
    for cached in (choose._backend, cpp_sweeps._functions):
        cached.cache_clear()
    yield
    for cached in (choose._backend, cpp_sweeps._functions):
        cached.cache_clear()


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("SPIKEFRONT_CACHE", str(tmp_path / "cache"))


def test_the_cpu_takes_what_is_compiled_and_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            expected = cpp_sweeps.CppSweeps().name
        except compiler.NoCompilerError:
            pytest.skip("no C++ compiler")
        assert sweeps_for(CPU).name == expected == "cpp"
    assert sweeps_for(CPU) is sweeps_for(CPU)


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_torch_runs_after_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.warns(SlowBackendWarning, match=r"plain torch.*no c\+\+, g\+\+ or clang"):
        assert sweeps_for(CPU).name == "torch"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sweeps_for(CPU).name == "torch"


@pytest.mark.usefixtures("no_compiler")
def test_what_is_asked_for_by_name_and_cannot_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "cpp")
    with pytest.raises(UserError, match=r"SPIKEFRONT_BACKEND=cpp: cannot run here: no c\+\+"):
        sweeps_for(CPU)


@pytest.mark.parametrize("name", ["triton", "cuda", "CPP"])
def test_a_backend_of_another_device_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    with pytest.raises(UserError, match=f"SPIKEFRONT_BACKEND={name}: allowed on cpu: torch, cpp"):
        sweeps_for(CPU)


@pytest.mark.parametrize("name", ["torch", "cpp"])
def test_a_backend_asked_for_by_name_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    try:
        assert sweeps_for(CPU).name == name
    except UserError as error:
        pytest.skip(str(error))


def test_a_device_without_a_backend_of_its_own_runs_torch_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sweeps_for(torch.device("meta")).name == "torch"
