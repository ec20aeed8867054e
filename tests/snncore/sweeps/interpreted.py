"""A process that runs the Triton sweeps under Triton's interpreter: calls on stdin, results on stdout.

Started by `backends.Interpreted` with TRITON_INTERPRET=1; ends when its stdin does.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from typing import Any, BinaryIO

import numpy as np
import torch
import triton
import triton.language as tl

from snncore.sweeps import triton_sweeps
from tests.snncore.sweeps.backends import checked_call


def main() -> None:
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints must not come between the results
    # Few chunks, so that matrices which an interpreter can bear have several tiles in each. Large blocks:
    # they take as long as small ones, and in float64 some layouts still have several.
    triton_sweeps.CHUNKS, triton_sweeps.BLOCK_BYTES, triton_sweeps.TILE_BYTES = 4, 8192, 8192
    sweeps = triton_sweeps.TritonSweeps()
    send(results, why_not())
    while True:
        try:
            sweep, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            result = checked_call(sweeps, sweep, *arguments)
        except Exception:
            result = AssertionError(traceback.format_exc())
        send(results, result)


def send(results: BinaryIO, result: Any) -> None:
    pickle.dump(result, results)
    results.flush()


@triton.jit(do_not_specialize=["n"])
def loop(x, n):  # type: ignore[no-untyped-def]
    for i in range(n):
        tl.store(x + i, i)


def why_not() -> str | None:
    """That of triton 3.6 cannot loop over a number of the launch where NumPy is 2.4 or later."""
    try:
        loop[(1,)](torch.zeros(2), 2)
    except Exception as error:
        return (
            f"the interpreter of triton {triton.__version__} cannot loop with NumPy {np.__version__}: {error}"
        )
    return None


if __name__ == "__main__":
    main()
