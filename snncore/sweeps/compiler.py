"""Builds `sweeps.cpp` once per machine; the library is kept on disk and shared by all processes."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

from spikefront.files import replacing_path
from spikefront.locks import held

SOURCE = Path(__file__).with_name("sweeps.cpp")
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-fopenmp")
NATIVE = ("-march=native",)
COMPILERS = ("c++", "g++", "clang++")
TIMEOUT_S = 300
LOCK_LIMIT_S = 2.0 * TIMEOUT_S + 60
"""How long to wait for another process, which compiles at most twice."""


class NoCompilerError(RuntimeError):
    """There is no C++ compiler, or it cannot build the sweeps; the message says which."""


def library(data: str) -> Path:
    """The library for data of one C++ type, from the cache if it was built for this processor before.

    Raises:
        NoCompilerError: it cannot be built here.
    """
    compiler = _compiler()
    path = cache_folder() / f"sweeps-{data}-{_fingerprint(compiler)}.so"
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(FileLock(path.with_suffix(".lock")), LOCK_LIMIT_S):
            if not path.exists():  # another process may have built it meanwhile
                _build(compiler, data, path)
    except OSError as error:
        raise NoCompilerError(f"cannot use the cache {path.parent}: {error}") from error
    return path


def cache_folder() -> Path:
    """SPIKEFRONT_CACHE, or `spikefront` in the user's cache folder."""
    chosen = os.environ.get("SPIKEFRONT_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikefront"


def _compiler() -> str:
    requested = os.environ.get("CXX")
    for name in (requested,) if requested else COMPILERS:
        path = shutil.which(name)
        if path:
            return path
    raise NoCompilerError(f"CXX={requested} is not there" if requested else "no c++, g++ or clang++ on PATH")


def _fingerprint(compiler: str) -> str:
    """Hash of all that the library depends on; machines with different processors may share a cache."""
    parts = (SOURCE.read_bytes(), repr(FLAGS + NATIVE).encode(), _version(compiler), _processor())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _version(compiler: str) -> bytes:
    stat = Path(compiler).resolve().stat()  # running `--version` would take longer than loading the library
    return f"{Path(compiler).resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()


def _processor() -> bytes:
    """What -march=native depends on: model and instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().split(b"\n\n")[0].splitlines()
    except OSError:
        return repr(platform.uname()[4:]).encode()
    kept = (b"model", b"flags", b"vendor_id", b"cpu family", b"Features", b"CPU ")
    return b"\n".join(line for line in lines if line.startswith(kept))


def _build(compiler: str, data: str, path: Path) -> None:
    """Compile to another name and rename, so that no process ever loads half a library."""
    with replacing_path(path) as fresh:
        for flags in (FLAGS + NATIVE, FLAGS):  # not every compiler knows the processor it runs on
            problem = _run([compiler, *flags, f"-DDATA={data}", "-o", str(fresh), str(SOURCE)])
            if not problem:
                return
        raise NoCompilerError(f"{compiler} cannot build {SOURCE.name}: {problem}")


def _run(command: list[str]) -> str:
    """Run the compiler: what went wrong, empty if nothing did."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip()[-500:] or f"exit code {done.returncode}")
