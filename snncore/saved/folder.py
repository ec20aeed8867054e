"""The folder that `snncore.train` writes, found by its name or by the config file. Imports no torch."""

from __future__ import annotations

import shlex
from pathlib import Path

from snncore.config.load import load_config
from snncore.config.schema import Config
from snncore.errors import UserError

CONFIG = "config.yaml"
FINAL = "final"
SUFFIXES = (".yaml", ".yml")


def planned_folder(config: Config, file: str | Path, out: str | Path | None = None) -> Path:
    """The folder that training the config of `file` writes: `out`, or `out` of the config, or the file's
    stem."""
    return Path(out or config.out or Path(file).stem)


def training_folder(name: str | Path) -> Path:
    """The folder of a training; `name` is the folder itself, or the config file of the training.

    For the `config.yaml` that a training keeps in its folder, that is the folder of the file.

    Raises:
        UserError: there is no training in the folder, or the file cannot be read.
    """
    path = Path(name)
    if path.suffix in SUFFIXES and not path.is_dir():
        return _folder_of(path)
    if not (path / CONFIG).is_file():
        raise UserError(
            f"{path}: no {CONFIG}; give a folder that snncore.train wrote, or the config file it trained"
        )
    return path


def _folder_of(file: Path) -> Path:
    if file.name == CONFIG and (file.parent / FINAL).is_dir():
        return file.parent
    folder = planned_folder(load_config(file), file)
    if not (folder / CONFIG).is_file():
        raise UserError(
            f"{file}: its training would be in {folder}, which holds none (no {CONFIG}); train it by "
            f"python -m snncore.train {shlex.quote(str(file))}, or give the folder that its --out named"
        )
    return folder
