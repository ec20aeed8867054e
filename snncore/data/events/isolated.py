"""Reads recordings in a child process: a damaged file may crash or hang the library that reads it.

Of 149 AEDAT4 files with changed bytes, 18 raised what no `except Exception` catches and 4 aborted the
process. One child reads many files, and is started again if it died; numpy only.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snncore.data.file_access import require_memory, require_regular
from snncore.data.files import DamagedFileError
from snncore.errors import DataError

_SECONDS, _BYTES_PER_SECOND, _MOST_SECONDS = 60.0, 2**20, 600.0
"""Time limit for reading a file: a minute, and a second for each MiB, at most ten minutes."""

_PROGRAM = Path(__file__).with_name("child_program.py")


def read_isolated(form: str, path: Path, **request: Any) -> list[NDArray[Any]]:
    """The arrays that the child reads from `path`; form, request: see `child_program`.

    Raises:
        DamagedFileError: the file is missing, or not of this form; or the child died or took too long.
        DataError: the package cannot be imported, or the arrays do not fit into memory.
    """
    n_bytes = require_regular(path).st_size
    with _lock:
        global _child
        if _child is None or not _child.is_usable():
            _child = _Child()
        return _child.send({"form": form, "path": os.fspath(path), **request}, path, n_bytes)


class _Child:
    def __init__(self) -> None:
        self._owner = os.getpid()
        # So that the child finds the modules of this process, however its path was set.
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "HDF5_PLUGIN_PRELOAD": "::",  # no filters from elsewhere
            "HDF5_USE_FILE_LOCKING": "FALSE",  # a file that stays open here may be replaced
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where Rust prints its panics
            env=environment,
            bufsize=0,
        )

    def is_usable(self) -> bool:
        """Whether it runs, and belongs to this process: after a fork it belongs to the parent."""
        return self._owner == os.getpid() and self._process.poll() is None

    def send(self, request: dict[str, Any], path: Path, n_bytes: int) -> list[NDArray[Any]]:
        """Send a request and wait for its arrays. After a failure, end the child."""
        seconds = min(_SECONDS + n_bytes / _BYTES_PER_SECOND, _MOST_SECONDS)
        deadline = time.monotonic() + seconds
        try:
            self._send(json.dumps(request).encode() + b"\n")
            head = json.loads(self._line(deadline))
            shapes = [(np.dtype(kind), tuple(shape)) for kind, shape in head.get("arrays", ())]
            require_memory(sum(dtype.itemsize * math.prod(shape) for dtype, shape in shapes), str(path))
            arrays = [self._array(dtype, shape, deadline) for dtype, shape in shapes]
        except TimeoutError as error:
            self.end()
            raise DamagedFileError(path, f"reading it took more than {seconds:.0f} s") from error
        except (EOFError, OSError) as error:
            raise DamagedFileError(path, f"the process that reads it died ({self.end()})") from error
        except BaseException:  # an interrupt: the rest of the answer would be read as the next one
            self.end()
            raise
        if head.get("unloadable"):
            raise DataError(f"data: {path} is read through {head['unloadable'][:300]}")
        if "problem" in head:
            raise DamagedFileError(path, head["problem"][:300])
        return arrays

    def end(self) -> str:
        """End the child; returns its exit code or signal as text."""
        try:  # it may be ending already: get its own exit code
            code = self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return f"exit code {code}" if code >= 0 else f"signal {-code}"

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    def _line(self, deadline: float) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            piece = bytearray(1)
            self._read_into(memoryview(piece), deadline)
            line += piece
        return bytes(line)

    def _array(self, dtype: np.dtype[Any], shape: tuple[int, ...], deadline: float) -> NDArray[Any]:
        array = np.empty(math.prod(shape), dtype=dtype)
        if array.nbytes:
            self._read_into(memoryview(array.view(np.uint8)), deadline)  # type: ignore[arg-type]
        return array.reshape(shape)

    def _read_into(self, target: memoryview, deadline: float) -> None:
        assert self._process.stdout is not None
        pipe, n_read = self._process.stdout.fileno(), 0
        while n_read < len(target):
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([pipe], [], [], remaining)[0]:
                raise TimeoutError
            n = os.readv(pipe, [target[n_read:]])
            if n == 0:
                raise EOFError
            n_read += n


_lock = Lock()
_child: _Child | None = None


def _end_child() -> None:
    if _child is not None and _child.is_usable():
        _child.end()


atexit.register(_end_child)
