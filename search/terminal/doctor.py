"""Checks a machine before a study: each finding is a line, and a fault says how to fix it."""

from __future__ import annotations

import os
import platform
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Literal

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table

PACKAGES = ("spikefront", "torch", "torchvision", "spikingjelly", "ray", "optuna", "pyarrow", "plotly")
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
_COLOURS = {"ok": "green", "note": "yellow", "fault": "red"}


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    what: str
    found: str
    level: Literal["ok", "note", "fault"] = "ok"


def examine(root: Path, out: Path) -> int:
    """Print every finding; 0 when nothing is at fault, else 1."""
    table = Table(box=None, show_header=False, pad_edge=False)
    n_faults = 0
    for check in (_versions, _machine, _torch, lambda: _folder(out), lambda: _data(root), _ray):
        for finding in _guarded(check):
            mark = f"[{_COLOURS[finding.level]}]{finding.level}[/]"
            table.add_row(mark, escape(finding.what), escape(finding.found))
            n_faults += finding.level == "fault"
    Console(soft_wrap=True).print(table)
    return 1 if n_faults else 0


def _guarded(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check that breaks is a finding like any other."""
    try:
        yield from check()
    except Exception as error:
        yield Finding("check", f"{type(error).__name__}: {error}", level="fault")


def _versions() -> Iterator[Finding]:
    yield Finding("python", platform.python_version())
    for package in PACKAGES:
        try:
            yield Finding(package, version(package))
        except PackageNotFoundError:
            yield Finding(package, "not installed: pip install spikefront", level="fault")


def _machine() -> Iterator[Finding]:
    gib = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    yield Finding("machine", f"{platform.machine()}, {os.cpu_count()} cores, {gib:.0f} GiB, load {load:.1f}")
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        words = set(cpuinfo.read_text(encoding="utf-8").split())
        yield Finding("cpu flags", ", ".join(flag for flag in CPU_FLAGS if flag in words) or "none of note")


def _torch() -> Iterator[Finding]:
    from snncore.devices import backend_name, default_device, describe_devices

    yield Finding("devices", describe_devices())
    device = default_device()
    with warnings.catch_warnings(record=True) as slower:
        warnings.simplefilter("always")
        backend = backend_name(device)
    if slower:
        yield Finding("backend", str(slower[0].message), level="note")
    else:
        yield Finding("backend", f"{backend} on {device}")


def _folder(out: Path) -> Iterator[Finding]:
    nearest = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        yield Finding("studies", f"{out} is not writable: {error}", level="fault")
        return
    free = psutil.disk_usage(str(nearest)).free / 2**30
    yield Finding("studies", f"{out} is writable, {free:.1f} GiB free")


def _data(root: Path) -> Iterator[Finding]:
    from snncore.config.schema import DataConfig
    from snncore.data.missing import find_problem
    from snncore.data.specs import SPECS

    for name in SPECS:
        problem = find_problem(DataConfig.model_validate({"name": name, "root": str(root)}))
        if problem is None:
            yield Finding(f"data: {name}", "found")
        else:  # no fault of the machine; the line says how to get it
            yield Finding(f"data: {name}", problem.removeprefix("data: "), level="note")


def _ray() -> Iterator[Finding]:
    from search.cluster.ray_cluster import ray_cluster

    with ray_cluster("local") as nodes:
        yield Finding(
            "ray", "starts; " + ", ".join(f"{node.cpus:g} CPUs, {node.gpus:g} GPUs" for node in nodes)
        )
        yield listening(_listeners())


def listening(listeners: Sequence[tuple[str, str]]) -> Finding:
    """What a local Ray listens on. listeners: each process with an address."""
    names = ", ".join(sorted({name for name, _ in listeners}))
    if all(is_loopback(address) for _, address in listeners):
        return Finding("ray's ports", f"on this machine alone (127.0.0.1): {names}")
    reached = sorted({f"{name} on {address}" for name, address in listeners if not is_loopback(address)})
    message = "other machines reach them (a token is asked for); put a firewall before them: "
    return Finding("ray's ports", message + ", ".join(reached), level="note")


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    ip = ip_address(address)
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback


def _listeners() -> list[tuple[str, str]]:
    me = psutil.Process()
    return [
        (process.name(), connection.laddr.ip)
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
