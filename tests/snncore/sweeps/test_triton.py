"""The Triton backend where it cannot run, and at sizes for a device. What it computes: `test_sweeps.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")

KERNELS = {
    *("fire", "fire_with_trace", "fire_backward", "chunk_statistics", "merge_statistics"),
    *("chunk_norm_sums", "merge_sums", "norm_backward"),
}


def python(*arguments: str, **environment: str) -> str:
    """Standard output of another Python, warnings being errors, without the interpreter of Triton."""
    kept = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


IMPORTS = """
import sys
import snncore.sweeps.interface, snncore.sweeps.torch_sweeps
print("triton" in sys.modules)

sys.modules["triton"] = None  # as if it were not installed
try:
    import snncore.sweeps.triton_sweeps
except ImportError as error:
    print(error.name)
del sys.modules["triton"]

import torch
from snncore.sweeps.triton_sweeps import TritonSweeps
try:
    TritonSweeps().statistics(torch.ones(3, 2))
except ValueError as error:
    print(error)
"""


def test_triton_comes_with_its_backend_only_and_that_refuses_the_cpu() -> None:
    refusal = "the triton sweeps run on CUDA tensors; got one on cpu"
    assert python("-c", IMPORTS).splitlines() == ["False", "triton", refusal]


@pytest.mark.slow
def test_the_kernels_compile_for_a_device_that_is_not_there(tmp_path: Path) -> None:
    """The interpreter takes what the compiler refuses. Its assembler comes along; no driver is asked."""
    out = python("-m", "tests.snncore.sweeps.compiled", TRITON_CACHE_DIR=str(tmp_path))
    sizes = dict(line.split() for line in out.splitlines())
    assert set(sizes) == KERNELS
    assert all(int(size) > 1000 for size in sizes.values())


@pytest.mark.gpu
def test_matrices_of_many_tiles_and_offsets_past_32_bits() -> None:
    """13 GB of bfloat16: 2^31 elements are passed in rows and in steps."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from snncore.config.schema import NeuronConfig
    from snncore.sweeps.interface import Term
    from snncore.sweeps.triton_sweeps import TritonSweeps

    T, P, C = 3, 2**24 + 5, 64
    x = torch.zeros((T, P, C), dtype=torch.bfloat16, device="cuda")
    x[-1, -1, -1] = 2
    rows = x.view(-1, C)
    spikes = TritonSweeps().fire([Term(x, None)], T, NeuronConfig())
    assert spikes[-1, -1, -1] == 1
    assert spikes.sum(dtype=torch.float64) == 1
    del spikes
    mean, _ = TritonSweeps().statistics(rows)
    assert mean[:-1].abs().max() == 0
    torch.testing.assert_close(float(mean[-1]), 2 / len(rows), rtol=1e-5, atol=0)
