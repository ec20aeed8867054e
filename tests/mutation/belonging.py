"""The tests that belong to a file: those that import it or one of its callers, the nearest first."""

from __future__ import annotations

from pathlib import Path

from tests.imports import ROOMS, imports_of, module_name, modules


def tests_of(file: str, root: Path) -> list[str]:
    """Test files, as paths below the root: named as the file, importing it, named as a caller of it.

    Where that is none (a file that is only imported through its package, or run as a program), those that
    import callers of callers, and at last all of its room.
    """
    known = modules(root, (*ROOMS, "tests"))
    imports = {name: imports_of(path, known) for name, path in known.items()}
    module = module_name(Path(file))
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
