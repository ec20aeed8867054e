"""Copies or unpacks event data from a folder into the form in which they are read."""

from __future__ import annotations

from pathlib import Path

from snncore.data.events.files import EVENT_FILES, EventFiles, event_folder
from snncore.data.events.missing import absent_reason
from snncore.data.install.archives import copy_folder, copy_regular, extract
from snncore.data.install.published import unpacked_limit
from snncore.errors import DataError


def unpack(name: str, source: Path, root: Path) -> Path:
    """Copy or unpack the files of data set `name` to their place under `root`; returns the folder used.

    source: a folder with tonic's folder of the set, or its parts, or the published archives; or one of the
    archives, with the others beside it. It is not changed.

    Raises:
        DataError: it holds no such files, or an archive is damaged or holds something else.
    """
    files, target = EVENT_FILES[name], event_folder(name, root)
    limit = unpacked_limit(name)
    base = source if source.is_dir() else source.parent
    folders = [base, base / files.folder]
    target.mkdir(parents=True)
    for folder in folders:
        if absent_reason(name, folder) is None:
            _copy(files, folder, target)
            return folder
    whole = _find(folders, (files.whole,))
    if whole is not None:
        extract(whole, target, limit)
        folders = [target]
    archives = [_find(folders, names) for names in files.archives]
    if None in archives:
        raise DataError(_not_there(name, files, whole or source, archives))
    for part, archive in zip(files.parts, archives, strict=True):
        assert archive is not None
        extract(archive, target, limit)
        if not (target / part).exists():
            raise DataError(f"{archive}: does not hold {part}")
    return base


def _copy(files: EventFiles, folder: Path, target: Path) -> None:
    for part in files.parts:
        if (folder / part).is_dir():
            copy_folder(folder / part, target / part, depth=1)  # a folder of folders of recordings
        else:
            copy_regular(folder / part, target / part)


def _find(folders: list[Path], names: tuple[str, ...]) -> Path | None:
    candidates = (folder / name for folder in folders for name in names if name)
    return next((path for path in candidates if path.is_file()), None)


def _not_there(name: str, files: EventFiles, source: Path, archives: list[Path | None]) -> str:
    first = [names[0] for names in files.archives]
    if any(archives):
        absent = [archive for archive, path in zip(first, archives, strict=True) if path is None]
        return f"{source}: {name} is not complete there; {', '.join(absent)} is missing"
    whole = f"{files.whole}, or " if files.whole and source.name != files.whole else ""
    parts = ", ".join(files.parts)
    return f"{source}: {name} is not there; looked for {whole}{', '.join(first)}, or a folder with {parts}"
