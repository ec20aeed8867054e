"""The devices torch can train on, in words."""

from __future__ import annotations

import torch


def describe_devices() -> str:
    """For example '2 x NVIDIA H200', or 'CPU only, 2 threads'."""
    n = torch.cuda.device_count()
    if n == 0:
        return f"CPU only, {torch.get_num_threads()} threads"
    names = sorted({torch.cuda.get_device_name(index) for index in range(n)})
    return f"{n} x {', '.join(names)}"


def device_model(device: str) -> str:
    """What latencies are comparable within: the model of a CUDA device, else the processor's name."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return processor_name()


def processor_name() -> str:
    """The processor's model name where the system tells it, else its architecture."""
    import platform
    from pathlib import Path

    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
