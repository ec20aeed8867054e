"""Compile every Triton kernel for compute capability 9.0, which needs no device; nothing is run.

Prints a line for each: its name, and the bytes of its machine code. Started by `test_triton.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.runtime import JITFunction, driver

from snncore.config.schema import NeuronConfig
from snncore.sweeps import triton_sweeps
from snncore.sweeps.interface import Norm, Term


class NoDevice:
    """As much of a driver as the compiler asks for."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return device


class Compile:
    """Stands for a kernel: compiles it for the arguments of a launch."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def launch(*arguments: Any, **options: Any) -> None:
            code = self.kernel.warmup(*arguments, grid=grid, **options).asm["cubin"]
            print(self.kernel.__name__, len(code))

        return launch


def compile_all(dtype: torch.dtype, C: int, neuron: NeuronConfig) -> None:
    """All sweeps: of two terms, one of them still and plain, and of rows."""
    x = torch.empty(2, 16, C, dtype=dtype)
    norm = Norm(*(torch.empty(C, dtype=torch.promote_types(dtype, torch.float32)) for _ in range(4)))
    built = [Term(x, norm), Term(x[:1], None)]
    rows, trace = x.view(-1, C), torch.empty(32, C, dtype=dtype)
    sweeps = triton_sweeps.TritonSweeps()
    sweeps.fire(built, 2, neuron)
    sweeps.fire([Term(x[:1], norm)], 2, neuron)
    sweeps.fire_with_trace(built, 2, neuron)
    sweeps.fire_backward(built, x, 2, neuron)
    sweeps.statistics(rows)
    sweeps.norm_backward_sums(rows, rows, norm, trace)
    sweeps.norm_backward(rows, rows, None, *norm[:3])


def main() -> None:
    driver.set_active(NoDevice())
    for module in (triton_sweeps.triton_neuron, triton_sweeps.triton_rows):
        for name, kernel in list(vars(module).items()):
            if isinstance(kernel, JITFunction) and not name.startswith("_"):
                setattr(module, name, Compile(kernel))
    triton_sweeps._check = _pass
    compile_all(torch.bfloat16, 64, NeuronConfig(reset="hard", detach_reset=False))
    compile_all(torch.float32, 1, NeuronConfig(reset="soft", detach_reset=True, surrogate="triangle"))


def _pass(*tensors: Tensor | None) -> None:
    """Tensors that no kernel will read."""


if __name__ == "__main__":
    main()
