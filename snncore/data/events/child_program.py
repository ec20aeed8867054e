"""Program started by `isolated`: reads recordings with libraries that may crash, hang or take all memory.

A request is a line of JSON: {"form": …, "path": …, …}. The answer is a line of JSON, {"arrays": [[dtype,
shape], …]} followed by the bytes of the arrays, or {"problem": text, "unloadable": text or null}. The program
ends at the end of its input. It imports nothing of SpikeFront, so that it starts fast and from anywhere.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import numpy as np

_SPARE_BYTES, _BYTES_PER_BYTE = 2**30, 32
"""Memory limit for reading a file: 1 GiB, and 32 bytes for each byte of the file."""

_MOST_RECORDINGS = 10**6
_files: dict[tuple[Any, ...], Any] = {}
"""The HDF5 file that was opened last: opening takes longer than reading a recording."""


def main() -> None:
    """Answer requests, one at a time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal; the parent process decides when to end
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output that a library prints must not mix with the answers
    for line in requests:
        request = json.loads(line)
        problem = _load(request["form"])
        try:
            if problem is not None:
                raise ImportError(problem)
            _limit_memory(os.stat(request["path"]).st_size)  # noqa: PTH116 - imports as little as possible
            arrays = [np.ascontiguousarray(array) for array in _FORMS[request["form"]](request)]
            head: dict[str, Any] = {"arrays": [[array.dtype.str, array.shape] for array in arrays]}
        except BaseException as error:  # pyo3's PanicException is no Exception
            arrays, head = [], {"problem": f"{type(error).__name__} {error}", "unloadable": problem}
        answers.write(json.dumps(head).encode() + b"\n")
        for array in arrays:
            answers.write(array.data if array.size else b"")
        answers.flush()


def _load(form: str) -> str | None:
    """Import the library, before memory is limited, since it reserves address space; the problem, or None."""
    library = "aedat" if form == "aedat4" else "h5py"
    try:
        __import__(library)
    except Exception as error:
        return f"{library}, which does not load: {error}"
    return None


def _limit_memory(n_file: int) -> None:
    """Limit the address space, beyond what is used now; without effect if the system has no such limit."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            used = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = used + _SPARE_BYTES + _BYTES_PER_BYTE * n_file
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
    except (ImportError, OSError, ValueError):
        return


def _aedat4(request: dict[str, Any]) -> list[Any]:
    """Times, columns, rows and polarities of the events in the first stream of events."""
    import aedat

    decoder = aedat.Decoder(request["path"])
    streams = [number for number, stream in decoder.id_to_stream().items() if stream["type"] == "events"]
    if not streams:
        raise ValueError("there are no events in the file")
    packets = [packet["events"] for packet in decoder if packet["stream_id"] == min(streams)]
    if not packets:
        raise ValueError("there are no packets of events in the file")
    events = np.concatenate(packets)
    return [events[field] for field in events.dtype.names or ()]


def _shd_labels(request: dict[str, Any]) -> list[Any]:
    """The labels, and the numbers of recordings in both arrays of spikes."""
    times, units, labels = _shd_arrays(request["path"])
    return [np.asarray(labels[()]), np.array([len(times), len(units)])]


def _shd(request: dict[str, Any]) -> list[Any]:
    """Recordings start to stop: their times concatenated, their units, and the numbers of both in each."""
    times, units, _ = _shd_arrays(request["path"])
    parts = [array[request["start"] : request["stop"]] for array in (times, units)]
    return [
        *(np.concatenate([np.asarray(values) for values in part]) for part in parts),
        *(np.array([len(values) for values in part]) for part in parts),
    ]


def _shd_arrays(path: str) -> tuple[Any, Any, Any]:
    import h5py

    state = os.stat(path)  # noqa: PTH116
    key = (path, state.st_ino, state.st_size, state.st_mtime_ns)
    if key not in _files:
        for file in _files.values():
            file.close()
        _files.clear()
        _files[key] = h5py.File(path, "r")
    file = _files[key]
    _require_inside(h5py, file, "spikes")
    times, units, labels = (
        _require_inside(h5py, file, name) for name in ("spikes/times", "spikes/units", "labels")
    )
    for array in (times, units):
        base = h5py.check_vlen_dtype(array.dtype)
        if base is None or np.dtype(base).kind not in "iuf" or array.ndim != 1:
            raise ValueError(
                f"{array.name} is {array.dtype} {array.shape}, should be an array for each recording"
            )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype}, should be whole numbers")
    for array in (times, units, labels):
        if array.size > _MOST_RECORDINGS:
            raise ValueError(f"{array.name} of {array.size} recordings, at most {_MOST_RECORDINGS} are read")
    return times, units, labels


def _require_inside(h5py: Any, file: Any, name: str) -> Any:
    """The group or array `name`, which must be in this file: links and arrays may refer to other files."""
    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} is missing" if link is None else f"{name} is a link to another place")
    item = file[name]
    if isinstance(item, h5py.Dataset) and (item.is_virtual or item.external):
        raise ValueError(f"{name} lies in another file")
    if isinstance(item, h5py.Dataset) == (name == "spikes"):
        raise ValueError(f"{name} should be {'a group' if name == 'spikes' else 'an array'}")
    return item


_FORMS = {"aedat4": _aedat4, "shd": _shd, "shd_labels": _shd_labels}

if __name__ == "__main__":
    main()
