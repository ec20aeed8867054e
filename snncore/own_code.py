"""Networks of one's own: code that a config names, and who may have it imported. Knows no torch.

Whoever names a config or a space file to train names the code in it too. A folder that is only looked at, or
a study that is continued from its record, may be a stranger's: what it names is imported only if allowed.
"""

from __future__ import annotations

from pathlib import Path

from snncore.errors import UserError

ALLOW_CODE = "let the config import the Python module that it names for a network of its own"
"""What `--allow-code` does, for the help of commands."""


def own_module(arch: str) -> str | None:
    """The module that `model.arch` names, the part before the colon; None for a built-in network."""
    module, colon, _ = arch.partition(":")
    return module if colon else None


def require_allowed(arch: str, allow_code: bool, source: str | Path) -> None:
    """Check that the network of a config may be built.

    Raises:
        UserError: it is built by code, and `allow_code` is false; names the module and the file `source`.
    """
    module = own_module(arch)
    if module is not None and not allow_code:
        raise UserError(
            f"{source}: its network is code (model.arch: {arch}), and would be built by importing the module "
            f"{module!r} from here; if you trust it, allow that by --allow-code, in Python by allow_code=True"
        )
