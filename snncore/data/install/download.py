"""Downloads the published files of a data set, or tells what to download by hand. Imports no torch."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from threading import Thread
from typing import Any
from urllib import request
from urllib.error import HTTPError, URLError

from snncore.data.install.published import PUBLISHED_FILES, PublishedFile, size_text
from snncore.errors import DataError

_TIMEOUT_S = 30.0  # for each answer of a server, such as behind a firewall
_WINDOW_S, _LEAST_BYTES = 60.0, 2**15  # minimum number of bytes in each window
_PIECE = 2**18

_HANDLERS: tuple[type[request.BaseHandler], ...] = (
    request.ProxyHandler,  # of the environment
    request.HTTPHandler,
    request.HTTPSHandler,
    request.HTTPRedirectHandler,
    request.HTTPDefaultErrorHandler,
    request.HTTPErrorProcessor,
    request.UnknownHandler,
)
"""Not urllib's default, which follows a redirection to ftp."""


def download(name: str, folder: Path, command: str, report: Callable[[str], object]) -> None:
    """Download the published files of data set `name` into the new `folder`. command: that of the user.

    A file with a wrong checksum is removed.

    Raises:
        DataError: the disk is too full, or no address of a file worked; the message gives the answer of each,
            and what to download by hand, with addresses and checksums.
        OSError: `folder` cannot be made.
    """
    folder.mkdir()
    files = PUBLISHED_FILES[name]
    _require_space(name, folder, sum(file.megabytes for file in files))
    for file in files:
        problems = []
        for address in file.addresses:
            try:
                _fetch(address, file, folder / file.name, lambda line: report(f"{name}: {line}"))
                break
            except _DownloadError as error:
                (folder / file.name).unlink(missing_ok=True)
                problems.append(f"  {address}: {error}")
        else:
            raise DataError("\n".join([f"{name} cannot be downloaded:", *problems, _by_hand(name, command)]))


class _DownloadError(Exception):
    """Why a file cannot be downloaded from an address."""


@dataclass
class _Transfer:
    """Progress of a download thread; is_given_up: no longer waited for."""

    n_bytes: int = 0
    problem: str | None = None
    is_given_up: bool = False


def _fetch(address: str, file: PublishedFile, path: Path, report: Callable[[str], object]) -> None:
    """Download in a thread, abandoned if it hangs, such as at a name server or in an endless header."""
    transfer, seen = _Transfer(), 0
    thread = Thread(target=_run, args=(address, file, path, transfer), daemon=True)
    thread.start()
    while True:
        thread.join(_WINDOW_S)
        if not thread.is_alive():
            break
        if transfer.n_bytes - seen < _LEAST_BYTES:
            transfer.is_given_up = True
            raise _DownloadError(f"{transfer.n_bytes - seen} bytes in {_WINDOW_S:g} s")
        seen = transfer.n_bytes
        report(f"{file.name}, {size_text(seen / 1e6)} of about {size_text(file.megabytes)}")
    if transfer.problem is not None:
        raise _DownloadError(transfer.problem)


def _run(address: str, file: PublishedFile, path: Path, transfer: _Transfer) -> None:
    try:
        transfer.problem = _transfer(address, file, path, transfer)
    except HTTPError as error:
        retry = error.headers.get("Retry-After")
        more = f", try again after {retry}" if retry else ""
        transfer.problem = f"{shorten(str(error), 300)}{more}"
        error.close()
    except Exception as error:  # from sockets, certificates, proxies, or invalid answers
        through = ", through the proxy of the environment" if request.getproxies() else ""
        text = (
            shorten(str(error.reason if isinstance(error, URLError) else error), 300, placeholder=" …")
            or type(error).__name__
        )
        transfer.problem = f"{text}{through}"


def _transfer(address: str, file: PublishedFile, path: Path, transfer: _Transfer) -> str | None:
    """Download the file; returns why the content is not the file, None if it is."""
    opener, md5, start = request.OpenerDirector(), hashlib.md5(usedforsecurity=False), b""
    for handler in _HANDLERS:
        opener.add_handler(handler())
    query = request.Request(address, headers={"User-Agent": "spikefront"})
    with opener.open(query, timeout=_TIMEOUT_S) as answer, path.open("wb") as out:
        while piece := answer.read1(_PIECE):
            if transfer.is_given_up:
                return "given up"
            out.write(piece)
            md5.update(piece)
            start = start or piece[:512]
            transfer.n_bytes += len(piece)
            if transfer.n_bytes > 2e6 * file.megabytes + 2**20:
                return f"more than {size_text(transfer.n_bytes / 1e6)}, should be {size_text(file.megabytes)}"
    return _difference(answer, file, transfer.n_bytes, start, md5.hexdigest())


def _difference(answer: Any, file: PublishedFile, n_bytes: int, start: bytes, md5: str) -> str | None:
    if md5 == file.md5:
        return None
    if n_bytes == 0:
        return f"an empty answer (HTTP {answer.status})"
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and n_bytes < int(length):
        return f"cut off after {n_bytes} of {length} bytes"
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return f"a web page instead of the file (HTTP {answer.status})"
    return f"another file of {n_bytes} bytes (HTTP {answer.status}): its md5 is {md5}"


def _require_space(name: str, folder: Path, megabytes: float) -> None:
    free = shutil.disk_usage(folder).free
    if free < 1e6 * megabytes:
        raise DataError(
            f"{name} takes about {size_text(megabytes)} packed, and {folder.parent.parent} has "
            f"{size_text(free / 1e6)} free"
        )


def _by_hand(name: str, command: str) -> str:
    """How to download the files by hand."""
    lines = ["fetch by hand, with a browser, and put into one folder:"]
    for file in PUBLISHED_FILES[name]:
        lines.append(f"  {file.name}, about {size_text(file.megabytes)}, md5 {file.md5}")
        lines += [f"    {address}" for address in file.addresses]
    return "\n".join([*lines, f"then run: {command} --from FOLDER"])
