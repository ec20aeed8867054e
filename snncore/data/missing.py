"""Checks whether a data set can be read, before anything starts. Imports no torch."""

from __future__ import annotations

from snncore.config.schema import DataConfig
from snncore.data.files import (
    FILES,
    data_folder,
    digits_file,
    fetch_command,
    find_file,
    own_data_problem,
    remedy,
    root_folder,
)
from snncore.data.sets.image_folders import IMAGENET_FOLDER
from snncore.data.specs import EVENT_SPECS, OWN_DATA
from snncore.errors import DataError

NO_DIGITS = "data: digits come with scikit-learn, which is not installed; run: pip install scikit-learn"


def find_problem(config: DataConfig) -> str | None:
    """Why the data of `config` cannot be read, with the command that fixes it; None if all files are there.

    Checks that files exist, not their content: reading finds damaged files. For the user's own data it also
    reads the headers, which give their shape.
    """
    try:
        return _problem(config.name, config.root)
    except OSError as error:
        return f"data: {config.name} cannot be looked at: {error}"
    except DataError as error:
        text = str(error)
        return text if text.startswith("data") else f"data: {text}; {remedy(config.name, config.root)}"


def _problem(name: str, root: str) -> str | None:
    if name == "digits":
        return NO_DIGITS if digits_file() is None else None
    if name in EVENT_SPECS:
        from snncore.data.events.missing import find_problem as find_event_problem

        return find_event_problem(name, root)
    if name in OWN_DATA:
        problem = own_data_problem(name, root)
        if problem is None:
            _check_headers(name, root)
        return problem
    if not root_folder(root).is_dir():
        reason: str | None = f"the folder {root} does not exist"
    else:
        reason = _imagenet_reason(root) if name == "imagenet" else _reason(name, root)
    if reason is None:
        return None
    more = " --from FOLDER" if name == "imagenet" else ""
    return f"data: {name} is not at hand: {reason}; run: {fetch_command(name, root)}{more}"


def _check_headers(name: str, root: str) -> None:
    """Check that the headers of the user's own data fit each other.

    Raises:
        DataError: they do not.
    """
    if name == "folder":
        from snncore.data.sets.folder_index import index_folder

        index_folder(root)
    else:
        from snncore.data.sets.npz_header import read_header

        read_header(root)


def _reason(name: str, root: str) -> str | None:
    folder = data_folder(name, root)
    if not folder.is_dir():
        return f"there is no folder {folder}"
    absent = [file_name for file_name in FILES[name].names if find_file(name, folder, file_name) is None]
    return f"{folder} lacks {', '.join(absent)}" if absent else None


def _imagenet_reason(root: str) -> str | None:
    folder = root_folder(root) / IMAGENET_FOLDER
    if not folder.is_dir():
        return f"there is no folder {folder}"
    absent = [part for part in ("train", "val") if not (folder / part).is_dir()]
    return f"{folder} lacks {', '.join(absent)}" if absent else None
