"""Why a data set cannot be read, told before anything starts. Knows no torch."""

from __future__ import annotations

from pathlib import Path

from snncore.config import DataConfig
from snncore.data.files import FILES, data_folder, digits_file, fetch_command, find_file

NO_DIGITS = "data: digits come with scikit-learn, which is not installed; run: pip install scikit-learn"


def find_problem(config: DataConfig) -> str | None:
    """Why the data of `config` cannot be read, with the command that mends it; None when all files are there.

    Looks at what exists, not at what is inside: reading finds damaged files.
    """
    if config.name == "digits":
        return NO_DIGITS if digits_file() is None else None
    folder = data_folder(config.name, config.root)
    if not Path(config.root).expanduser().is_dir():
        reason = f"the folder {config.root} does not exist"
    elif not folder.is_dir():
        reason = f"there is no folder {folder}"
    else:
        absent = [name for name in FILES[config.name].names if find_file(config.name, folder, name) is None]
        if not absent:
            return None
        reason = f"{folder} lacks {', '.join(absent)}"
    return f"data: {config.name} is not at hand: {reason}; run: {fetch_command(config.name, config.root)}"
