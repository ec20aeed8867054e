"""The machine and the versions a study ran with, for its record."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from snncore.machine import processor_model

_PACKAGES = ("spikefront", "torch", "ray", "optuna", "spikingjelly", "moocore", "numpy")


def describe_machine() -> dict[str, Any]:
    """The driver's machine: cpu, cores, memory_gib, os, node, and the GPUs the system lists as devices."""
    return {
        "cpu": processor_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "devices": _gpus(),
        "os": f"{platform.system()} {platform.release()}",
        "node": platform.node(),
    }


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results; a package that is missing is left out."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _gpus() -> list[str]:
    """Names of the NVIDIA GPUs as the kernel lists them, without loading torch."""
    root = Path("/proc/driver/nvidia/gpus")
    if not root.is_dir():
        return []
    texts = [(entry / "information").read_text(encoding="utf-8") for entry in sorted(root.iterdir())]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("Model")]
    return [line.partition(":")[2].strip() for line in lines]
