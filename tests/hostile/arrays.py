"""Files of arrays with hostile headers: npy, npz, safetensors, HDF5, idx and Python's pickle."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from random import Random
from typing import Any

import numpy as np

from tests.hostile import raw
from tests.hostile.case import CANARY_MODULE
from tests.hostile.pickles import Payload
from tests.hostile.trees import Raw, change_tree, json_text
from tests.hostile.values import integer, json_value

SHAPES: tuple[Any, ...] = (
    *(
        (),
        (0,),
        (1,),
        (-1,),
        (2**36,),
        (2**62, 8),
        (2**31, 2**31),
        (0, 2**62),
        (40, 0, 8, 3),
        (40,) * 32,
        (1,) * 70,
    ),
    *(
        (40, 2, 2, 8, 8),
        (40, 64),
        (40, 8, 8),
        (40, 8, 8, 3),
        (40, 8, 8, 5),
        (39, 8, 8, 3),
        (7,),
        (1.5,),
        ("x",),
        (True,),
    ),
)
TYPES = (
    "|u1",
    "<i8",
    "<u8",
    "<f8",
    "<f2",
    "<c16",
    "|b1",
    "|S4",
    "<U4",
    "|O",
    "<M8[s]",
    "<m8[us]",
    ">i2",
    "|V8",
    "<f16",
)
TYPES_OF_NO_ARRAY = ("", "x", "|u99999999999", "[('a', '|u1')]", "(2**40)*'x'", "<M8[x]", "|O8,|O8")


def array(rng: Random) -> Any:
    """An array of any kind, small."""
    kind = rng.choice(TYPES)
    shape = rng.choice(
        ((40,), (40, 8, 8, 3), (40, 1), (12,), (), (0,), (0, 8, 8, 3), (40, 2, 2, 8, 8), (80, 4))
    )
    if kind == "|O":
        values = np.empty(shape, dtype=object)
        values.fill(rng.choice((Payload(), None, [1], "x")))
        return values
    n = int(np.prod(shape)) if shape else 1
    source = np.random.default_rng(rng.randrange(2**32))
    values = source.integers(0, 4, n).astype(np.int64)
    if rng.random() < 0.5 and n:
        extremes = (np.nan, np.inf, -1, -(2**62), 2**62, 10**9, 255, 1e30)
        odd = rng.choice(extremes)
        values = values.astype(np.float64)
        values[rng.randrange(n)] = odd
    with np.errstate(all="ignore"):
        return (
            values.astype(kind, casting="unsafe").reshape(shape) if kind[1] != "V" else np.zeros(shape, kind)
        )


def npy(rng: Random, content: bytes) -> bytes:
    """An npy file with another header before the same bytes, or with another array."""
    choice = rng.random()
    if choice < 0.2:
        return raw.mutate(rng, content)
    if choice < 0.5:
        file = io.BytesIO()
        np.save(file, array(rng), allow_pickle=True)
        return file.getvalue()
    return _with_header(rng, content)


def _with_header(rng: Random, content: bytes) -> bytes:
    major = content[6] if len(content) > 6 else 1
    size = 10 if major == 1 else 12
    n = struct.unpack("<H" if major == 1 else "<I", content[8:size])[0]
    header = eval(content[size : size + n], {"__builtins__": {}})  # numpy's own, from a file made here
    kind = rng.choice(("shape", "shape", "shape", "descr", "descr", "fortran_order", "text"))
    header["shape" if kind == "shape" else "descr" if kind == "descr" else "fortran_order"] = (
        rng.choice(SHAPES)
        if kind == "shape"
        else rng.choice((*TYPES, *TYPES_OF_NO_ARRAY))
        if kind == "descr"
        else 7
    )
    text = repr(header)
    if kind == "text":
        text = rng.choice(
            ("", "{" * 3000, "(" * 3000, f"__import__({CANARY_MODULE!r})", "{'shape': ()}", "9" * 5000, "[]")
        )
        text = text + " " * rng.choice((0, 0, 70_000))
    encoded = text.encode("latin-1", "replace")
    version, form = rng.choice(((1, "<H"), (2, "<I"), (3, "<I"), (9, "<I")))
    n = len(encoded) if rng.random() < 0.9 else abs(integer(rng))
    length = struct.pack(form, n % (1 << 8 * struct.calcsize(form)))
    return content[:6] + bytes((version, 0)) + length + encoded + content[size + header_size(content, size) :]


def header_size(content: bytes, size: int) -> int:
    return int(struct.unpack("<H" if size == 10 else "<I", content[8:size])[0])


def npz(rng: Random, content: bytes) -> bytes:
    """An archive of arrays with one of them changed, dropped, doubled, or said to be a gigabyte."""
    choice = rng.random()
    if choice < 0.15:
        return raw.mutate(rng, content)
    members = read_zip(content)
    name = rng.choice(list(members))
    if choice < 0.65:
        members[name] = npy(rng, members[name])
    elif choice < 0.75:
        del members[name]
    elif choice < 0.85:
        members[rng.choice(("x_train.npy", "y_train.npy", "x_val.npy", "../x.npy", "/x.npy", "x", ""))] = (
            members[name]
        )
    elif choice < 0.92:
        members[name] = members[rng.choice(list(members))]
    else:
        header = _with_header(Random(0), members[name])[:6] + b"\1\0"
        text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (300, 1024, 1024, 3), }"
        members[name] = header + struct.pack("<H", len(text)) + text + bytes(2**20)
    return write_zip(members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def read_zip(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def write_zip(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression, compresslevel=1) as archive:
        for name, member in members.items():
            info = zipfile.ZipInfo(name)  # with the date of 1980, not of now
            info.compress_type = compression
            archive.writestr(info, member)
    return file.getvalue()


def safetensors(rng: Random, content: bytes) -> bytes:
    """The header's JSON changed: shapes, types and offsets; or its length; or bytes."""
    choice = rng.random()
    n = struct.unpack("<Q", content[:8])[0]
    if choice < 0.2:
        return raw.mutate(rng, content)
    if choice < 0.3:
        return struct.pack("<Q", integer(rng) % 2**64) + content[8:]
    header = json.loads(content[8 : 8 + n])
    if choice < 0.6:
        tensor = rng.choice([name for name in header if name != "__metadata__"])
        key, values = rng.choice(
            (
                ("dtype", ("F64", "I8", "BOOL", "BF16", "F16", "U64", "X", "F8_E4M3", 3, None)),
                ("shape", ([], [0], [-1], [2**62, 8], [2**32, 2**32], [1.5], ["x"], None, [1] * 80)),
                ("data_offsets", ([0, 0], [0, 2**62], [8, 4], [-8, 0], [0], None, ["a", "b"])),
            )
        )
        header[tensor][key] = rng.choice(values)
        text = json.dumps(header)
    else:
        tree = change_tree(rng, header, json_value)
        text = str(tree) if isinstance(tree, Raw) else json_text(tree)
    encoded = text.encode("utf-8", "replace")
    encoded += b" " * (-len(encoded) % 8)
    return struct.pack("<Q", len(encoded)) + encoded + content[8 + n :]


def idx(rng: Random, content: bytes) -> bytes:
    """The idx format of MNIST with other sizes, types or numbers of dimensions."""
    if rng.random() < 0.4:
        return raw.mutate(rng, content)
    n_dims = rng.choice((content[3], content[3], 0, 1, 2, 4, 255))
    sizes = b"".join(
        struct.pack(">I", integer(rng) % 2**32 if rng.random() < 0.5 else 28) for _ in range(n_dims)
    )
    kind = rng.choice((8, 8, 8, 9, 11, 12, 13, 14, 0, 255))
    return bytes((0, 0, kind, n_dims)) + sizes + content[4 + 4 * content[3] :]
