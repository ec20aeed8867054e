"""The factory of a user's own network, from `package.module:factory` in `model.arch`. Imports no torch.

Importing it runs its code. A user who trains a config or a space names that code too, so it is imported
before anything starts. A folder that is only read, or a study that is continued from its record, may come
from someone else: its module is imported only if the user allows it.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snncore.errors import ConfigError, Problem, UserError

ALLOW_CODE = "let the config import the Python module that it names for a network of its own"
"""The help text of `--allow-code`."""


def own_module(arch: str) -> str | None:
    """The module in `model.arch`, the part before the colon; None for a built-in network."""
    module, colon, _ = arch.partition(":")
    return module if colon else None


def require_allowed(arch: str, allow_code: bool, source: str | Path) -> None:
    """Check that the network of a config may be built.

    Raises:
        UserError: it is built by user code, and `allow_code` is false; names the module and the file
        `source`.
    """
    module = own_module(arch)
    if module is not None and not allow_code:
        raise UserError(
            f"{source}: its network is code (model.arch: {arch}), and would be built by importing the module "
            f"{module!r} from here; if you trust it, use --allow-code, in Python allow_code=True"
        )


def load_factory(arch: str) -> Callable[..., Any] | None:
    """The factory that `arch` names, imported as with python -m; None for a built-in architecture.

    Raises:
        ConfigError: the module cannot be imported, whatever it raises, or there is no such function in it.
    """
    module_name, name = own_module(arch), arch.partition(":")[2]
    if module_name is None:
        return None
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        factory: Any = getattr(importlib.import_module(module_name), name)
    except (Exception, SystemExit) as error:
        raise refused(arch, f"cannot be imported: {_in_words(error)}") from error
    if not callable(factory):
        raise refused(arch, "is not callable")
    checked: Callable[..., Any] = factory
    return checked


def refused(arch: str, reason: str) -> ConfigError:
    """The error for a `model.arch` that cannot be used."""
    return ConfigError([Problem("model.arch", f"{arch}: {reason}; see docs/architectures.md")], "config")


def _in_words(error: BaseException) -> str:
    """The error in one line; with file and line if it was raised in the user's module."""
    line = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, ImportError | AttributeError):
        line = str(error)
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if "importlib" not in frame.filename]
    if isinstance(error, SyntaxError):
        return f"{line} ({error.filename}, line {error.lineno})"
    is_in_module = bool(frames) and frames[-1].filename != __file__
    return f"{line} ({frames[-1].filename}, line {frames[-1].lineno})" if is_in_module else line
