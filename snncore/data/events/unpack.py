"""Event data at hand in some folder, brought into the form in which they are read."""

from __future__ import annotations

from pathlib import Path

from snncore.data.events.files import EVENT_FILES, EventFiles, event_folder
from snncore.data.events.missing import absent_reason
from snncore.data.install.archives import copy_folder, copy_regular, extract
from snncore.data.install.published import unpacked_limit
from snncore.errors import DataError


def unpack(name: str, source: Path, root: Path) -> Path:
    """Copy or unpack the files of data set `name` to their place under `root`; returns what was used.

    source: a folder that holds tonic's folder of the set, or its parts, or the published archives; or one of
    the archives, with the others beside it. Nothing in it is changed.

    Raises:
        DataError: it holds no such files, or an archive is damaged or holds something else.
    """
    files, target = EVENT_FILES[name], event_folder(name, root)
    limit = unpacked_limit(name)
    place = source if source.is_dir() else source.parent
    places = [place, place / files.folder]
    target.mkdir(parents=True)
    for folder in places:
        if absent_reason(name, folder) is None:
            _copy(files, folder, target)
            return folder
    whole = _find(places, (files.whole,))
    if whole is not None:
        extract(whole, target, limit)
        places = [target]
    found = [_find(places, names) for names in files.archives]
    if None in found:
        raise DataError(_not_there(name, files, whole or source, found))
    for part, archive in zip(files.parts, found, strict=True):
        assert archive is not None
        extract(archive, target, limit)
        if not (target / part).exists():
            raise DataError(f"{archive}: does not hold {part}")
    return place


def _copy(files: EventFiles, folder: Path, target: Path) -> None:
    for part in files.parts:
        if (folder / part).is_dir():
            copy_folder(folder / part, target / part, depth=1)  # a folder of folders of recordings
        else:
            copy_regular(folder / part, target / part)


def _find(places: list[Path], names: tuple[str, ...]) -> Path | None:
    candidates = (folder / name for folder in places for name in names if name)
    return next((path for path in candidates if path.is_file()), None)


def _not_there(name: str, files: EventFiles, source: Path, found: list[Path | None]) -> str:
    first = [names[0] for names in files.archives]
    if any(found):
        absent = [archive for archive, path in zip(first, found, strict=True) if path is None]
        return f"{source}: {name} is not complete there; {', '.join(absent)} is missing"
    whole = f"{files.whole}, or " if files.whole and source.name != files.whole else ""
    parts = ", ".join(files.parts)
    return f"{source}: {name} is not there; looked for {whole}{', '.join(first)}, or a folder with {parts}"
