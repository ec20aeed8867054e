"""The tests that belong to a file: those that import it or one of its callers, the nearest first."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutation.sites import ROOMS


def tests_of(file: str, root: Path) -> list[str]:
    """Test files, as paths below the root: named as the file, importing it, named as a caller of it.

    Where that is none (a file that is only imported through its package, or run as a program), those that
    import callers of callers, and at last all of its room.
    """
    known = _modules(root)
    imports = {name: _imports(path, known) for name, path in known.items()}
    module = _module_of(Path(file))
    tests = {name: _through_helpers(name, imports) for name in known if ".test_" in f".{name}"}
    near, names = {module}, [name for name in tests if _bears_the_name(name, module)]
    while near:
        direct = [name for name, wanted in tests.items() if module in wanted]
        callers = _callers(near, imports)
        of_callers = [
            name
            for name, wanted in tests.items()
            if any(
                caller in wanted and (near != {module} or _bears_the_name(name, caller)) for caller in callers
            )
        ]
        names += [*direct, *of_callers]
        if names or callers <= near:
            break
        near |= callers
    names = names or [name for name in tests if name.startswith(f"tests.{module.partition('.')[0]}.")]
    return [known[name].relative_to(root).as_posix() for name in dict.fromkeys(names)]


def _callers(modules: set[str], imports: dict[str, set[str]]) -> set[str]:
    found = {name for name, wanted in imports.items() if wanted & modules and not name.startswith("tests.")}
    return found | modules


def _bears_the_name(test: str, module: str) -> bool:
    last = module.rpartition(".")[2]
    words = test.rpartition("test_")[2]
    return words == last or words.startswith(f"{last}_")


def _through_helpers(name: str, imports: dict[str, set[str]]) -> set[str]:
    """What a test imports, itself or by other modules of the tests."""
    found, left = set(), [name]
    while left:
        for wanted in imports.get(left.pop(), set()):
            if wanted not in found:
                found.add(wanted)
                if wanted.startswith("tests."):
                    left.append(wanted)
    return found


def _modules(root: Path) -> dict[str, Path]:
    folders = (*ROOMS, "spikefront", "tests")
    return {
        _module_of(p.relative_to(root)): p for name in folders for p in sorted((root / name).rglob("*.py"))
    }


def _module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, known: dict[str, Path]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & known.keys()
