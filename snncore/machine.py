"""The processor a number was measured on. Imports no torch."""

from __future__ import annotations

import platform
from pathlib import Path


def processor_model() -> str:
    """The processor's model name; the architecture if the system does not give one."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
