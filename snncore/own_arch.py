"""The factory of a user's own network, from `package.module:factory` in `model.arch`. Knows no torch.

Importing it runs the user's code: only what the user named is ever imported, and before anything starts.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snncore.errors import ConfigError, Problem


def load_factory(arch: str) -> Callable[..., Any] | None:
    """What `arch` names, imported as Python started with -m would; None for a built-in architecture.

    Raises:
        ConfigError: the module cannot be imported, whatever it raises, or there is no such function in it.
    """
    if ":" not in arch:
        return None
    module_name, _, name = arch.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        factory: Any = getattr(importlib.import_module(module_name), name)
    except (Exception, SystemExit) as error:
        raise refused(arch, f"cannot be imported: {_in_words(error)}") from error
    if not callable(factory):
        raise refused(arch, "is not callable")
    made: Callable[..., Any] = factory
    return made


def refused(arch: str, reason: str) -> ConfigError:
    """The mistake of naming it."""
    return ConfigError([Problem("model.arch", f"{arch}: {reason}; see docs/architectures.md")], "config")


def _in_words(error: BaseException) -> str:
    """One line; of an error in the module's own code also where it arose."""
    line = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, ImportError | AttributeError):
        line = str(error)
    frames = [own for own in traceback.extract_tb(error.__traceback__) if "importlib" not in own.filename]
    if isinstance(error, SyntaxError):
        return f"{line} ({error.filename}, line {error.lineno})"
    is_theirs = bool(frames) and frames[-1].filename != __file__
    return f"{line} ({frames[-1].filename}, line {frames[-1].lineno})" if is_theirs else line
