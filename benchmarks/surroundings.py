"""What a number was measured on and with; and whether the machine has anything else to do."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.allocator import environment_settings
from snncore.machine import processor_model
from snncore.measure.timing import QUIET_SHARE, ForeignLoad

LOOK_S = 2.0
"""How long the machine is observed before a run; processor time is counted in ticks of 10 ms."""

PACKAGES = ("spikingjelly", "snntorch", "triton", "torchvision", "numpy")


def is_quiet(allow_load: bool) -> bool:
    """Whether a run may start; prints on stderr why it may not, or that rows will be marked."""
    load = ForeignLoad()
    time.sleep(LOOK_S)
    busy = load.busy_cores()
    if busy <= QUIET_SHARE:
        return True
    print(f"the machine is busy: other processes use {busy:.1f} of its cores", end="", file=sys.stderr)
    if allow_load:
        print("; rows measured under load are marked with *", file=sys.stderr)
        return True
    print(
        "; times would mean little. Wait for them to end, or use --allow-load to measure anyway",
        file=sys.stderr,
    )
    return False


def describe(threads: int, allocator: str, device: str) -> dict[str, Any]:
    """Machine, versions, threads and allocator, for JSON."""
    return {
        "machine": {
            "processor": processor_model(),
            "cores": os.cpu_count(),
            "bf16_instructions": _bf16_instructions(),
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            **{name: _version(name) for name in PACKAGES},
        },
        "threads": threads,
        "allocator": {"setting": allocator, "environment": environment_settings()},
        "openmp": {name: value for name, value in sorted(os.environ.items()) if name.startswith("OMP_")},
    }


def in_words(environment: dict[str, Any]) -> str:
    """The line over a table."""
    machine, versions = environment["machine"], environment["versions"]
    where = machine["processor"] if machine["device"] == "cpu" else machine["device"]
    bf16 = "".join(f", {name}" for name in machine["bf16_instructions"])
    return (
        f"{where} ({machine['cores']} cores{bf16}), {environment['threads']} threads, "
        f"Python {versions['python']}, torch {versions['torch']}, SpikingJelly {versions['spikingjelly']}, "
        f"snnTorch {versions['snntorch']}, allocator {environment['allocator']['setting']}"
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _bf16_instructions() -> list[str]:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return sorted({"avx512_bf16", "amx_bf16"} & set(flags))
