"""Hostile pictures, archives and event recordings."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import warnings
import zlib
from collections.abc import Callable
from random import Random

from PIL import Image

from tests.hostile import raw
from tests.hostile.arrays import read_zip, write_zip
from tests.hostile.case import CANARY
from tests.hostile.hdf5 import hdf5
from tests.hostile.values import integer

FORMATS = (
    "PNG",
    "JPEG",
    "GIF",
    "BMP",
    "TIFF",
    "WEBP",
    "PPM",
    "ICO",
    "TGA",
    "PCX",
    "DDS",
    "JPEG2000",
    "PDF",
    "EPS",
)
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16", "HSV", "LAB")


def image(rng: Random, content: bytes) -> bytes:
    """A picture of another mode, size or format, one that says it is enormous, or one with bytes changed."""
    choice = rng.random()
    if choice < 0.45:
        return raw.mutate(rng, content)
    if choice < 0.6:
        return rng.choice(_BOMBS)(rng)
    size = rng.choice(((16, 16), (1, 1), (1, 3000), (3000, 1), (17, 16), (300, 300)))
    made = Image.new(rng.choice(MODES), size)
    file = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frames = {"save_all": True, "append_images": [made] * 5} if rng.random() < 0.2 else {}
            made.save(file, rng.choice(FORMATS), **frames)
    except (OSError, ValueError, KeyError, TypeError):
        return raw.mutate(rng, content)  # the format has no such mode
    return file.getvalue() if rng.random() < 0.8 else raw.mutate(rng, file.getvalue())


def _png(width: int, height: int, bits: int, kind: int, rows: bytes, extra: bytes = b"") -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _text_chunk(n: int) -> bytes:
    content = b"Comment\0\0" + zlib.compress(bytes(n))
    return (
        struct.pack(">I", len(content)) + b"zTXt" + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))
    )


_BOMBS: tuple[Callable[[Random], bytes], ...] = (
    lambda rng: _png(30_000, 30_000, 8, 2, b""),
    lambda rng: _png(2**31 - 1, 2**31 - 1, 1, 0, b""),
    lambda rng: _png(0, 0, 8, 2, b""),
    lambda rng: _png(12_000, 12_000, 8, 2, bytes(1000)),
    lambda rng: _png(8, 8, 16, 0, bytes(17 * 8)),
    lambda rng: _png(8, 8, 8, 3, bytes(9 * 8)),
    lambda rng: _png(8, 8, 8, 2, bytes(25 * 8), _text_chunk(2**25)),
    lambda rng: b"P6\n100000 100000\n255\n" + bytes(100),
    lambda rng: b"P6\n%d %d\n%d\n" % (integer(rng), integer(rng), integer(rng)) + bytes(100),
    lambda rng: b"P5 " + b"9" * 5000 + b" 1 255\n",
    lambda rng: b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0xF7, 0, 0) + bytes(768) + b",",
    lambda rng: (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0)
    ),
    lambda rng: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n%%EndComments\n",
    lambda rng: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
)


def archive(rng: Random, content: bytes) -> bytes:
    """A zip, tar.gz or gz with a member changed or added: paths that lead out, links, devices, bombs."""
    if rng.random() < 0.3:
        return raw.mutate(rng, content)
    if content[:2] == b"PK":
        return _zip(rng, content)
    unpacked = gzip.GzipFile(fileobj=io.BytesIO(content)).read(_MOST_UNPACKED)
    if unpacked[257:262] == b"ustar":
        return gzip.compress(_tar(rng, unpacked), 1, mtime=0)
    if rng.random() < 0.1:
        return gzip.compress(bytes(_MOST_UNPACKED), 1, mtime=0) * 64
    return gzip.compress(raw.mutate(rng, unpacked), 1, mtime=0)


_MOST_UNPACKED = 2**24

_OUTWARDS = (
    f"../{CANARY}",
    f"../../{CANARY}",
    f"../../../{CANARY}",
    f"x/../../../{CANARY}",
    "/tmp/../dev/full/x",
    "..",
)


def _zip(rng: Random, content: bytes) -> bytes:
    members = read_zip(content)
    name = rng.choice(list(members))
    kind = rng.choice(("member", "member", "drop", "outwards", "outwards", "deep", "rename"))
    if kind == "member":
        members[name] = (hdf5 if name.endswith(".h5") else raw.mutate)(rng, members[name])
    elif kind == "drop":
        del members[name]
    elif kind == "outwards":
        members[rng.choice(_OUTWARDS)] = b"x"
    elif kind == "deep":
        members["a/" * 2000 + "x"] = b"x"
    else:
        members[rng.choice((name.lower(), f"x/{name}", name + "/x", "a\nb", "🙂"))] = members.pop(name)
    return write_zip(members)


def _tar(rng: Random, content: bytes) -> bytes:
    """A tar with a member more."""
    if rng.random() < 0.3:
        return raw.mutate(rng, content)
    file = io.BytesIO(content)
    with tarfile.open(fileobj=file, mode="a") as tar:
        names = tar.getnames()
        added = tarfile.TarInfo(
            rng.choice((*_OUTWARDS, rng.choice(names), "cifar-10-batches-py/data_batch_1", "x"))
        )
        added.type = rng.choice(
            (
                tarfile.REGTYPE,
                tarfile.SYMTYPE,
                tarfile.LNKTYPE,
                tarfile.CHRTYPE,
                tarfile.FIFOTYPE,
                tarfile.DIRTYPE,
                b"?",
            )
        )
        added.linkname = rng.choice(("/etc/passwd", "..", "../..", added.name, "/dev/zero", "nowhere"))
        added.size = 1 if added.type == tarfile.REGTYPE else 0
        tar.addfile(added, io.BytesIO(b"x"))
    return file.getvalue()


def aedat2(rng: Random, content: bytes) -> bytes:
    choice = rng.random()
    if choice < 0.6:
        return raw.mutate(rng, content)
    head = rng.choice(
        (
            b"",
            b"#",
            b"#\r\n" * 10_000,
            b"#!AER-DAT3.1\r\n",
            b"#!AER-DAT2.0\r\n",
            b"#!AER-DAT2.0\n",
            b"#" * 100_000,
        )
    )
    return head + rng.choice((content, rng.randbytes(801), b"", b"\xff" * 800, bytes(800)))


def aedat4(rng: Random, content: bytes) -> bytes:
    """The version, a header of a flatbuffer, packets; bytes changed at random are the worst for readers."""
    choice = rng.random()
    if choice < 0.75:
        return raw.mutate(rng, content)
    at = 14 + rng.randrange(60) * 4
    return content[:at] + struct.pack("<I", integer(rng) % 2**32) + content[at + 4 :]


def nmnist(rng: Random, content: bytes) -> bytes:
    if rng.random() < 0.5:
        return raw.mutate(rng, content)
    n = rng.choice((0, 1, 4, 5, 6, 300, 100_001))
    return rng.choice((rng.randbytes(n), b"\xff" * n, bytes(n)))
