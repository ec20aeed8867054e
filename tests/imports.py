"""The modules of the repository and what each of them imports, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from pathlib import Path

ROOMS = ("spikefront", "spaces", "snncore", "studies", "search", "reports")


def modules(root: Path, folders: Iterable[str] = ROOMS) -> dict[str, Path]:
    """Every module of the folders, by name; a package by its own."""
    return {
        module_name(path.relative_to(root)): path
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
    }


def module_name(path: Path) -> str:
    """Of a path from the root."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path, known: Collection[str]) -> set[str]:
    """The known modules that a file imports, wherever in it: at the top, in a function, for types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else str(node.module))
    return found & set(known)
