"""What a run of the fuzzer tells: counts by door, and a small input for each fault, on disk and in short."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.hostile.case import Case
from tests.hostile.findings import KINDS
from tests.hostile.fuzz import Fault, Result

_SHORT = 100


def table(result: Result) -> str:
    """A row a door: cases, those that were taken, and findings of each kind; repeatable ones."""
    faults = result.repeatable()
    kinds = [
        kind
        for kind in KINDS
        if kind not in ("silent", "fuzzer") or any(f.finding.kind == kind for f in faults)
    ]
    rows = [["door", "cases", "taken", *kinds]]
    total: Counter[str] = Counter()
    for door in sorted(result.n_cases):
        found: Counter[str] = Counter()
        for fault in faults:
            found[fault.finding.kind] += fault.n_by_door[door]
        total += found
        counts = [str(found[kind] or ".") for kind in kinds]
        rows.append([door, str(result.n_cases[door]), str(result.n_taken[door]), *counts])
    sums = [str(total[kind]) for kind in kinds]
    rows.append(["all", str(result.n_cases.total()), str(result.n_taken.total()), *sums])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def write_faults(result: Result, out: Path, seed: int) -> Iterator[str]:
    """Write each repeatable fault into a folder of its own below `out`; gives what to print of it."""
    for count, fault in enumerate(result.repeatable(), start=1):
        words = re.sub(
            r"\W+", "-", f"{fault.finding.kind} {fault.finding.error} {fault.finding.place}"
        ).strip("-")
        folder = out / f"{count:02}-{words[:90]}"
        folder.mkdir(parents=True)
        (folder / "output.txt").write_text(fault.output, encoding="utf-8", errors="backslashreplace")
        again = f"python -m tests.hostile --seed {seed} --door {fault.door} --case {fault.number}"
        if fault.case is not None:
            (folder / "command.txt").write_text(
                command(fault.case) + "\n", encoding="utf-8", errors="backslashreplace"
            )
            _write_input(fault.case, folder / "input")
        yield "\n".join(
            [f"{count}. {fault.finding}", *_lines(fault), f"   again: {again}", f"   in {folder}"]
        )


def command(case: Case) -> str:
    """What would be typed."""
    return shlex.join(["python", "-m", *case.argv])


def _write_input(case: Case, folder: Path) -> None:
    """The files; what is none (a pipe, an endless link) is only named, for whoever reads the folder."""
    folder.mkdir()
    if case.specials:
        told = "".join(f"{path}: {kind}\n" for path, kind in case.specials.items())
        (folder.parent / "no-files.txt").write_text(told, encoding="utf-8", errors="backslashreplace")
    try:
        replace(case, specials={}).write(folder)
    except (OSError, ValueError) as error:  # a name that only the scratch folder could hold
        (folder.parent / "input.txt").write_text(f"could not be written here: {error}\n")


def _lines(fault: Fault) -> Iterator[str]:
    doors = ", ".join(f"{door} {n}" for door, n in fault.n_by_door.most_common(6))
    yield f"   at: {doors}"
    case = fault.case
    if case is None:
        return
    yield f"   {_cut(command(case), 200)}"
    for path, kind in case.specials.items():
        yield f"   {path}: {kind}"
    for path in case.changed():
        if path not in case.specials:
            yield f"   {path}: {_difference(case.files[path], case.genuine.get(path))}"
    for path in case.genuine:
        if path not in case.files and case.changed() == [] and not case.specials:
            yield f"   {path}: left out"
    last = fault.output.strip().splitlines()
    yield f"   says: {_cut(last[-1], 200) if last else 'nothing'}"


def _difference(content: bytes, genuine: bytes | None) -> str:
    """A file in short: its bytes where it is small, else where it differs from the genuine one."""
    if genuine is None or len(content) <= 2 * _SHORT or len(genuine) != len(content):
        shown = repr(content[:_SHORT]) + (" …" if len(content) > _SHORT else "")
        return f"{len(content)} bytes, {shown}"
    places = [at for at, (one, other) in enumerate(zip(content, genuine, strict=True)) if one != other]
    shown = ", ".join(f"byte {at}: {genuine[at]:02x} -> {content[at]:02x}" for at in places[:6])
    return f"{len(places)} of {len(content)} bytes changed, {shown}"


def _cut(text: str, length: int) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return text if len(text) <= length else text[: length - 1] + "…"
