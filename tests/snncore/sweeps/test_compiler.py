"""The library is built once, shared, and never half there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snncore.sweeps import compiler
from snncore.sweeps.compiler import NoCompilerError, library

pytestmark = pytest.mark.skipif(
    not any(shutil.which(name) for name in compiler.COMPILERS), reason="no C++ compiler"
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPIKEFRONT_CACHE", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    return folder


@pytest.fixture
def small_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real source takes ten seconds to build."""
    source = tmp_path / "sweeps.cpp"
    source.write_text('extern "C" int answer() { return 42; }\n', encoding="utf-8")
    monkeypatch.setattr(compiler, "SOURCE", source)
    return source


def test_it_is_built_once_and_found_again(cache: Path, small_source: Path) -> None:
    first = library("float")
    stamp = first.stat().st_mtime_ns
    assert first.parent == cache
    assert library("float") == first
    assert first.stat().st_mtime_ns == stamp
    assert [path.suffix for path in cache.iterdir() if path.suffix not in (".so", ".lock")] == []


def test_another_source_is_another_library(cache: Path, small_source: Path) -> None:
    first = library("float")
    small_source.write_text('extern "C" int answer() { return 43; }\n', encoding="utf-8")
    assert library("float") != first


def test_another_processor_is_another_library(
    cache: Path, small_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = library("float")
    monkeypatch.setattr(compiler, "_processor", lambda: b"model: one of another node")
    assert library("float") != first


@pytest.mark.slow
def test_many_processes_at_once_build_it_once(cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "slow.cpp"
    source.write_text('extern "C" int answer() { return 42; }\n', encoding="utf-8")
    wrapper = tmp_path / "c++"
    real = next(path for name in compiler.COMPILERS if (path := shutil.which(name)))
    wrapper.write_text(f'#!/bin/sh\necho run >> "{tmp_path}/runs"\nexec {real} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    code = (
        "from pathlib import Path; from snncore.sweeps import compiler; "
        f'compiler.SOURCE = Path({str(source)!r}); print(compiler.library("float"))'
    )
    environment = os.environ | {"CXX": str(wrapper), "SPIKEFRONT_CACHE": str(cache)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert len(answers) == 1
    assert Path(answers.pop()).exists()
    assert (tmp_path / "runs").read_text(encoding="utf-8").count("run") == 1


def test_what_the_compiler_says_is_passed_on(cache: Path, small_source: Path) -> None:
    small_source.write_text("this is no C++\n", encoding="utf-8")
    with pytest.raises(NoCompilerError, match=r"cannot build sweeps\.cpp: .*error"):
        library("float")
    assert not list(cache.glob("*.so"))
    assert not list(cache.glob("*.tmp"))


def test_a_compiler_that_is_named_and_not_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(NoCompilerError, match="CXX=no-such-compiler is not there"):
        library("float")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv("SPIKEFRONT_CACHE", str(blocked / "cache"))
    with pytest.raises(NoCompilerError, match="cannot use the cache"):
        library("float")


@pytest.mark.alone
def test_a_library_from_the_cache_loads_in_milliseconds() -> None:
    from snncore.sweeps.cpp_sweeps import CppSweeps

    CppSweeps()
    started = time.perf_counter()
    library("float")
    assert time.perf_counter() - started < 1.0
