"""In processes of their own: what is switched here stays switched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KEPT = """
import ctypes
from pathlib import Path
from snncore.training.allocator import keep_freed_memory
assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
size = 256 * 1024 * 1024
place = libc.malloc(ctypes.c_size_t(size))
def heap():
    line = next(l for l in Path("/proc/self/maps").read_text().splitlines() if l.endswith("[heap]"))
    return [int(number, 16) for number in line.split()[0].split("-")]
low, high = heap()
assert low < place and place + size < high, "it was mapped on its own"
libc.free(ctypes.c_void_p(place))
assert heap()[1] == high, "it was handed back"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_kept_allocator_keeps_large_blocks() -> None:
    root = Path(__file__).parents[3]
    told = subprocess.run([sys.executable, "-c", KEPT], cwd=root, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


def test_it_can_be_left_alone() -> None:
    code = "from snncore.training.allocator import keep_freed_memory; assert not keep_freed_memory()"
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"SPIKEFRONT_ALLOCATOR": "default"}, check=True
    )
