"""The packages that read event data; only the child process imports them. Imports no torch."""

from __future__ import annotations

import importlib.util

from snncore.errors import DataError

_INSTALL = {"aedat": "'aedat>=2.3,<3'", "h5py": "'h5py>=3.8,<4'"}


def require_package(package: str, name: str) -> None:
    """Check that a package which data set `name` needs is installed, without importing it.

    Raises:
        DataError: it is not; the message gives the command.
    """
    problem = package_problem(package, name)
    if problem is not None:
        raise DataError(problem)


def package_problem(package: str, name: str) -> str | None:
    """Why the package cannot be used for data set `name`, found without importing it; None if installed."""
    if importlib.util.find_spec(package) is not None:
        return None
    command = f"pip install {_INSTALL[package]}"
    return f"data: {name} is read through {package}, which is not installed; run: {command}"
