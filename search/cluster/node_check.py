"""What a node of a cluster has, asked by a small task on each, and what keeps a study from running there.

`look` runs on the nodes. So this file imports nothing but the standard library: where a package is
missing, the answer must say so instead of failing.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

SAME_VERSIONS = ("python", "torch", "ray")
"""What must not differ between driver and node: results depend on them, or nothing works at all."""

NEEDED = {
    "filelock": "filelock",
    "numpy": "numpy",
    "PIL": "pillow",
    "psutil": "psutil",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "ray": "ray[tune]",
    "rich": "rich",
    "ruamel.yaml": "ruamel.yaml",
    "safetensors": "safetensors",
    "spikingjelly": "spikingjelly",
    "torch": "torch",
    "torchvision": "torchvision",
}
"""Modules that a trial may import, and what to install for each. Our own packages are sent along."""

_SMI = ("nvidia-smi", "--query-gpu=name,memory.total,mig.mode.current", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class NodeRequirements:
    """What a study needs of every node, apart from packages.

    data: name and root of every data set that may be sampled, roots absolute. checkpoints: a place that
    must be writable, None for the run folder, which the driver has looked at.
    """

    data: tuple[tuple[str, str], ...] = ()
    checkpoints: str | None = None


@dataclass(frozen=True)
class Facts:
    """One node's answer.

    problems: lines for the user. gpu_memory_mib: of its smallest GPU, where known. processor, gpus: their
    models, without repeats.
    """

    host: str
    versions: Mapping[str, str | None]
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    gpu_memory_mib: float | None = field(default=None)
    processor: str | None = None
    gpus: tuple[str, ...] = ()


def look(wanted: NodeRequirements) -> Facts:
    """What this machine has; takes milliseconds and loads neither torch nor ray."""
    missing = tuple(name for module, name in NEEDED.items() if not _is_there(module))
    gpus = _gpus()
    return Facts(
        host=platform.node(),
        versions=own_versions(),
        missing=missing,
        problems=() if missing else _problems(wanted),
        gpu_memory_mib=_smallest_mib(gpus),
        processor=None if missing else _processor(),
        gpus=tuple(sorted({name for name, _, _ in gpus})),
    )


def own_versions() -> dict[str, str | None]:
    """The versions that must agree: Python's without the last part, packages' without what follows a plus.

    torch 2.13.0+cpu on the head and 2.13.0+cu130 on the nodes are the same torch.
    """
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{name: _version(name) for name in SAME_VERSIONS if name != "python"}}


def complaints(facts: Facts, ours: Mapping[str, str | None]) -> list[str]:
    """Why trials cannot run on a node, a line each; `ours` are the driver's versions."""
    lines = [f"lacks {', '.join(facts.missing)}; install there what the driver has"] if facts.missing else []
    for name in SAME_VERSIONS:
        theirs = facts.versions.get(name)
        if theirs is not None and theirs != ours[name]:
            lines.append(f"{name} {theirs}, the driver has {ours[name] or 'none'}")
    return [*lines, *facts.problems]


def complain(by_node: Sequence[tuple[str, Sequence[str]]]) -> str | None:
    """One message about all nodes, or None where no node has a problem. by_node: name and complaints."""
    bad = [(name, lines) for name, lines in by_node if lines]
    if not bad:
        return None
    head = f"{len(bad)} of {len(by_node)} nodes cannot run this study:"
    return "\n".join([head, *(f"  {name}: {line}" for name, lines in bad for line in lines)])


def _problems(wanted: NodeRequirements) -> tuple[str, ...]:
    from search.worker.checkpoint_place import place_problem
    from search.worker.data_root import local_root
    from snncore.config.schema import DataConfig
    from snncore.data.missing import find_problem

    problems = [find_problem(DataConfig(name=name, root=local_root(root))) for name, root in wanted.data]
    if wanted.checkpoints is not None:
        problem = place_problem(wanted.checkpoints)
        problems.append(None if problem is None else f"checkpoints: {problem}")
    return tuple(dict.fromkeys(problem for problem in problems if problem is not None))


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # of a parent that is missing or half removed
        return False


def _version(package: str) -> str | None:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return None


def _processor() -> str:
    from snncore.machine import processor_model

    return processor_model()


def _gpus() -> list[tuple[str, str, str]]:
    """Model, memory and MIG mode of each of this machine's GPUs, as its driver's own tool tells them.

    That tool, because a task that holds no GPU cannot see one through torch.
    """
    try:
        done = subprocess.run(_SMI, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[cell.strip() for cell in line.rsplit(",", 2)] for line in done.stdout.splitlines()]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]


def _smallest_mib(gpus: Sequence[tuple[str, str, str]]) -> float | None:
    """Memory of the smallest GPU; None without one, and where GPUs are cut into MIG slices."""
    try:
        if not gpus or any(mode == "Enabled" for _, _, mode in gpus):
            return None
        return min(float(memory) for _, memory, _ in gpus)
    except ValueError:
        return None
