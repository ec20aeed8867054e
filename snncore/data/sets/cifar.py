"""CIFAR-10 and CIFAR-100: 32 × 32 colour images, in pickled batches.

A pickle can run code. These are read without: only the instructions that a batch needs are allowed, as
published or as written by any Python, and the names of numpy in it are resolved to plain records.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from snncore.data.file_access import parsing, read_whole
from snncore.data.files import FILES, data_folder
from snncore.data.specs import SPECS
from snncore.data.split import Split, checked_split

_LABELS = {"cifar10": "labels", "cifar100": "fine_labels"}
_PIXELS = 3 * 32 * 32
_LARGEST_BYTES = 2**28  # more than the largest published batch, of 155 MB

_OPCODES = frozenset(
    """
    PROTO FRAME STOP MARK EMPTY_DICT EMPTY_LIST EMPTY_TUPLE DICT LIST TUPLE TUPLE1 TUPLE2 TUPLE3
    SETITEM SETITEMS APPEND APPENDS NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 BINFLOAT FLOAT
    STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES BYTEARRAY8
    PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD
    """.split()  # noqa: SIM905
)
"""Instructions that build numbers, texts, lists and dictionaries, and call what `_BatchUnpickler` allows."""


def read(name: str, root: str | Path, is_train: bool) -> Split:
    """The training or the test images of "cifar10" or "cifar100" under `root`.

    The content of each batch is checked instead of its checksum, so that messages can say what is wrong and
    tests can use small files. No code in a batch is run.

    Raises:
        DamagedFileError: a file is missing, truncated or not what it should be.
    """
    files = FILES[name].train if is_train else FILES[name].test
    parts = [_read_batch(name, data_folder(name, root) / file_name) for file_name in files]
    return Split(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))


def _read_batch(name: str, path: Path) -> Split:
    content = read_whole(path, _LARGEST_BYTES)
    with parsing(path):
        _require_plain(content)
        # latin1 keeps the bytes of Python 2's texts as they are.
        batch = _BatchUnpickler(io.BytesIO(content), encoding="latin1").load()
        images, labels = batch["data"].pixels(), batch[_LABELS[name]]
        if not isinstance(labels, list) or any(type(label) is not int for label in labels):
            raise ValueError(f"{_LABELS[name]} are no list of numbers")
        numbers = torch.tensor(labels, dtype=torch.int64)
    return checked_split(images, numbers, SPECS[name], path)


def _require_plain(content: bytes) -> None:
    """Refuse instructions that no batch has, and those that need more memory than the file's content."""
    for number, (opcode, value, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in _OPCODES:
            raise pickle.UnpicklingError(f"it holds the instruction {opcode.name}, which no batch has")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(value or 0) <= number:
            raise pickle.UnpicklingError(f"it puts a value in place {value}, and has {number} instructions")


class _DType:
    """Replaces numpy.dtype: keeps its code."""

    def __init__(self, code: Any, *flags: Any) -> None:
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """Ignores byte order and flags, which do not matter for bytes."""


class _Array:
    """Replaces numpy.ndarray: keeps the bytes and their description."""

    def __init__(self, state: Any = None) -> None:
        self.state = state

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def pixels(self) -> Tensor:
        """uint8 (M, 3, 32, 32).

        Raises:
            ValueError: it is no array of bytes (M, 3072).
        """
        _, shape, dtype, is_fortran, content = self.state
        if isinstance(content, str):
            content = content.encode("latin1")
        content = bytes(content) if isinstance(content, bytearray) else content
        code = getattr(dtype, "code", None)
        if code not in ("u1", "|u1") or not isinstance(content, bytes) or is_fortran:
            raise ValueError(f"images are {code}, should be bytes")
        if len(shape) != 2 or shape[1] != _PIXELS or len(content) != shape[0] * _PIXELS:
            raise ValueError(f"{len(content)} bytes of images for a shape of {shape}")
        return torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy()).reshape(-1, 3, 32, 32)


def _reconstruct(*arguments: Any) -> _Array:
    """Replaces numpy's function of this name, which would allocate any amount of memory."""
    return _Array()


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """Replaces numpy's function of this name, with which protocol 5 makes arrays."""
    return _Array((1, shape, dtype, order != "C", content))


def _encode(text: Any, codec: Any) -> bytes:
    """Replaces `codecs.encode`, with which Python 3 pickles bytes in the protocols of Python 2."""
    if not isinstance(text, str) or codec != "latin1":
        raise ValueError(f"a text encoded as {codec!r}, should be latin1")
    return text.encode("latin1")


_KNOWN = {
    ("_codecs", "encode"): _encode,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
}


class _BatchUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The replacement of a name in the pickle; others are refused."""
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which no batch does and which may run code"
            )
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refused: no batch refers to external objects."""
        raise pickle.UnpicklingError("it refers to something outside")
