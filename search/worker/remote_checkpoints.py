"""Checkpoints of one trial below a URI of any file system pyarrow knows: s3, gs, abfs, hdfs, file.

Object stores have no rename, so a checkpoint is whole when its manifest is there: first the files go to
a folder with a name of its own, then `<name>.json`, which lists them with size and SHA-256. Nothing is
ever overwritten, so a death at any moment leaves the older checkpoints as they were. pyarrow is
imported here and nowhere else in this room: a worker with a plain folder never loads it for this.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

CHUNK_BYTES = 2**20

_NAME = re.compile(r"epoch-(\d{4,})-[0-9a-f]{8}")
_MANIFEST = ".json"


class DamagedCheckpointError(Exception):
    """What was uploaded is not whole, or not what was written."""


class RemoteCheckpoints:
    """The checkpoints of the trial at `uri`.

    Raises:
        OSError: the file system cannot be reached.
        ValueError: the URI names none.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._files, self._root = open_uri(uri)

    def put(self, epoch: int, folder: Path) -> None:
        """Upload the files of a local folder as the checkpoint of an epoch."""
        name = f"epoch-{epoch:04d}-{uuid.uuid4().hex[:8]}"
        self._files.create_dir(self._path(name), recursive=True)
        manifest = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                relative = path.relative_to(folder).as_posix()
                manifest[relative] = self._upload(path, self._path(name, relative))
        with self._files.open_output_stream(self._path(name + _MANIFEST)) as stream:
            stream.write(json.dumps({"files": manifest}).encode())

    def newest_first(self) -> list[str]:
        """The names of the checkpoints that have a manifest, by epoch."""
        names = (name.removesuffix(_MANIFEST) for name in self._names() if name.endswith(_MANIFEST))
        return sorted((name for name in names if _NAME.fullmatch(name)), key=_epoch, reverse=True)

    def get(self, name: str, folder: Path) -> None:
        """Download a checkpoint into a folder that does not exist yet.

        Raises:
            DamagedCheckpointError: a file is missing, short, or other than it was written.
        """
        for relative, (size, digest) in self._manifest(name).items():
            path = folder / relative
            if not path.resolve().is_relative_to(folder.resolve()):
                raise DamagedCheckpointError(f"{self.uri}: {name} holds {relative!r}")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                found = self._download(self._path(name, relative), path)
            except FileNotFoundError as error:
                raise DamagedCheckpointError(f"{self.uri}: {name} lacks {relative}") from error
            if found != (size, digest):
                raise DamagedCheckpointError(f"{self.uri}: {name}/{relative} is not what was written")

    def prune(self, kept: int) -> None:
        """Remove all but the newest checkpoints, and what uploads that died have left."""
        stay = set(self.newest_first()[:kept])
        for name in self._names():
            stem = name.removesuffix(_MANIFEST)
            if not _NAME.fullmatch(stem) or stem in stay:
                continue
            if name == stem:
                self._files.delete_dir(self._path(name))
            else:
                self._files.delete_file(self._path(name))

    def _manifest(self, name: str) -> dict[str, tuple[int, str]]:
        try:
            with self._files.open_input_stream(self._path(name + _MANIFEST)) as stream:
                text = stream.read()
            files = json.loads(text)["files"].items()
            return {key: (int(size), str(digest)) for key, (size, digest) in files}
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedCheckpointError(f"{self.uri}: {name}{_MANIFEST} is no manifest") from error

    def _names(self) -> list[str]:
        """What lies in the trial's place, manifests before folders: without one a checkpoint is none."""
        return sorted(list_names(self.uri), key=lambda name: not name.endswith(_MANIFEST))

    def _upload(self, path: Path, target: str) -> tuple[int, str]:
        self._files.create_dir(target.rpartition("/")[0], recursive=True)
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as source, self._files.open_output_stream(target) as stream:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
        return size, digest.hexdigest()

    def _download(self, source: str, path: Path) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        with self._files.open_input_stream(source) as stream, path.open("wb") as target:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        return size, digest.hexdigest()

    def _path(self, *parts: str) -> str:
        return "/".join((self._root, *parts))


def child_uri(uri: str, name: str) -> str:
    """The URI of something below another; options after a question mark stay at the end."""
    base, mark, options = uri.partition("?")
    return f"{base.rstrip('/')}/{name}{mark}{options}"


def open_uri(uri: str) -> tuple[Any, str]:
    """The file system of a URI and the path within it. One connection serves all trials of a study.

    Raises:
        OSError: it cannot be reached.
        ValueError: no file system has such a URI.
    """
    parts = urlsplit(uri)
    files, root = _open(parts._replace(path="/", fragment="").geturl())
    return files, f"{root.rstrip('/')}/{unquote(parts.path).strip('/')}"


def list_names(uri: str) -> list[str]:
    """The names of what lies directly below a URI; none when nothing does."""
    files, root = open_uri(uri)
    found = files.get_file_info(_pyarrow_fs().FileSelector(root, allow_not_found=True))
    return [info.base_name for info in found]


def remove_folder(uri: str, name: str) -> None:
    """Remove a folder below a URI, with all that is in it."""
    files, root = open_uri(uri)
    files.delete_dir(f"{root}/{name}")


def try_writing(uri: str, name: str) -> None:
    """Write a small file below a URI, read it back and remove it.

    Raises:
        OSError, ValueError, NotImplementedError: from the step that fails, as the file system raises it.
    """
    files, path = open_uri(child_uri(uri, name))
    files.create_dir(path.rpartition("/")[0], recursive=True)
    with files.open_output_stream(path) as stream:
        stream.write(name.encode())
    with files.open_input_stream(path) as stream:
        if stream.read() != name.encode():
            raise OSError("what is read back is not what was written")
    files.delete_file(path)


@lru_cache(maxsize=8)
def _open(uri: str) -> tuple[Any, str]:
    opened: tuple[Any, str] = _pyarrow_fs().FileSystem.from_uri(uri)
    return opened


def _pyarrow_fs() -> Any:
    import pyarrow.fs

    return pyarrow.fs


def _epoch(name: str) -> int:
    matched = _NAME.fullmatch(name)
    assert matched is not None, name
    return int(matched.group(1))
