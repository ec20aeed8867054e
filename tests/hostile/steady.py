"""Files without what differs from one run to the next: a case must be the same again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def read_files(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their path, steady; no locks, and no reports, which nothing reads."""
    paths = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".lock", ".html")
    )
    return {path.relative_to(folder).as_posix(): steady(path) for path in paths}


def steady(path: Path) -> bytes:
    """The content of a file, its times and measures replaced."""
    content = path.read_bytes()
    if path.suffix == ".json":
        return json.dumps(_without_measures(json.loads(content)), indent=1).encode()
    if path.suffix == ".jsonl":
        lines = [json.dumps(_without_measures(json.loads(line))) for line in content.splitlines()]
        return "".join(f"{line}\n" for line in lines).encode()
    if path.suffix == ".gz":
        return content[:4] + bytes(4) + content[8:]  # when it was packed
    return timeless(content) if path.suffix in (".db", ".log") else content


def timeless(content: bytes) -> bytes:
    """Times replaced by one of the same length, and names of workers by one."""
    content = re.sub(rb'(?<="worker_id":")[^"]*', b"writer-0", content)
    return re.sub(
        rb"20\d\d-\d\d-\d\d([T ])\d\d:\d\d:\d\d\.\d{6}", rb"2030-01-02\g<1>03:04:05.678901", content
    )


def _without_measures(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _without_measures(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_measures(inner, name) for inner in value]
    if name == "finished_at":
        return "2030-01-02T03:04:05+00:00"
    is_measured = isinstance(value, float) and re.search("second|time|latency|memory|_ms", name)
    return 1.5 if is_measured else value
