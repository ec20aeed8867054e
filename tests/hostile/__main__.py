"""Hostile input against every door of the product.

    python -m tests.hostile --minutes 10 --seed 1
    python -m tests.hostile --minutes 10 --seed 1 --door aedat4 --door npz
    python -m tests.hostile --seed 1 --door aedat4 --case 1234        # one case again, with its output

Configs, spaces, `--set`, `--pick`, journals, databases, Parquet, checkpoints, arrays, pictures, recordings,
archives and requests are made from genuine ones by changing them, and given to the product's own commands,
each in a child process with 2 GiB of memory and 10 s. Found are: code of a file that is run, processes that
abort, hangs, memory beyond the limit, tracebacks, and messages of the last resort at a command's edge, which
are a fault like any traceback. Findings with the same exception in the same function of the product are one
fault; for each a small input is searched and written below --out. The exit code is 0 where nothing was found,
else 1.

A new door is a function in doors.py, a new format a line in mutate.py.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy: a process that forks should have one thread

from tests.hostile import commands, genuine, planted, report  # noqa: E402
from tests.hostile.child import Limits  # noqa: E402
from tests.hostile.doors import ALL_DOORS, DOORS  # noqa: E402
from tests.hostile.findings import ROOT, judge  # noqa: E402
from tests.hostile.fuzz import Fuzzer, Result  # noqa: E402

SHARE_TO_MINIMISE = 0.25
_LONGEST_MINIMISING_S = 600.0


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 0 where nothing was found, 1 where something was."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing stays behind
    doors = arguments.door or list(DOORS)
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        scratch = Path(name)
        if not set(doors) <= set(planted.COMMANDS):
            _prepare(scratch)
        limits = Limits(arguments.limit_s, arguments.limit_mib)
        fuzzer = Fuzzer(scratch, limits, arguments.jobs, lambda line: print(line, flush=True))
        if arguments.case is not None:
            return _repeat(fuzzer, doors, arguments)
        closed = fuzzer.check(doors, arguments.seed)
        if not closed:
            _search(fuzzer, doors, arguments)
    print(*closed, sep="\n")
    _tell(fuzzer.result, arguments)
    return 1 if closed or fuzzer.result.repeatable() else 0


def _prepare(scratch: Path) -> None:
    """Genuine files, made by a process of its own, and the product imported, once for all children."""
    from snncore.sweeps.compiler import cache_folder

    os.environ["SPIKEFRONT_CACHE"] = str(
        cache_folder()
    )  # children have an empty home, and would compile anew
    folder = scratch / "kits"
    folder.mkdir()
    making = [sys.executable, "-m", "tests.hostile.makers", str(folder)]
    with subprocess.Popen(making, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        commands.warm_up()
        told = process.communicate()[1]
    if process.returncode:
        raise SystemExit(f"the genuine files could not be made:\n{told}")
    genuine.load_kits(folder)


def _search(fuzzer: Fuzzer, doors: Sequence[str], arguments: argparse.Namespace) -> None:
    """Look for faults, then for a small input to each of them."""
    seconds = 60.0 * arguments.minutes
    to_minimise = min(SHARE_TO_MINIMISE * seconds, _LONGEST_MINIMISING_S)
    numbers: Iterator[int] = count() if arguments.cases is None else iter(range(arguments.cases))
    try:
        fuzzer.fuzz(doors, arguments.seed, numbers, time.monotonic() + seconds - to_minimise)
    except KeyboardInterrupt:
        print("stopped; what was found until now:")
    fuzzer.minimise(arguments.seed, to_minimise)


def _tell(result: Result, arguments: argparse.Namespace) -> None:
    """What was found, and where it was written."""
    out = Path(arguments.out or tempfile.mkdtemp(prefix="hostile-found-"))
    for lines in report.write_faults(result, out, arguments.seed):
        print(f"\n{lines}")
    print(f"\n{report.table(result)}")
    for fault in result.faults.values():
        if not fault.is_repeatable:
            print(f"seen once, not again: {fault.finding} ({fault.door}, case {fault.number})")


def _repeat(fuzzer: Fuzzer, doors: Sequence[str], arguments: argparse.Namespace) -> int:
    """One case again, with all it prints."""
    door = doors[0] if len(doors) == 1 else doors[arguments.case % len(doors)]
    case = fuzzer.describe(door, arguments.seed, arguments.case)
    ended = fuzzer.run(case)
    print(report.command(case))
    for path in (*case.changed(), *case.specials):
        print(f"{path}: {case.specials.get(path) or repr(case.files[path][:300])}")
    print(ended.output)
    finding = judge(ended)
    print(f"ended with {ended.code} after {ended.seconds:.1f} s; {finding or 'nothing to find'}")
    return 0 if finding is None else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile", description="Hostile input for every door."
    )
    add = parser.add_argument
    add("--minutes", type=float, default=10.0, help="for all of it (default: 10)")
    add("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    add(
        "--door",
        action="append",
        choices=list(ALL_DOORS),
        metavar="NAME",
        help="only this one; may be given several times",
    )
    add("--cases", type=int, metavar="N", help="so many cases, or fewer where the time ends first")
    add("--case", type=int, metavar="N", help="only the case of this number, with all that it prints")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="cases at a time (default: one a core)")
    add("--out", metavar="DIR", help="folder for small inputs (default: a new temporary one)")
    add("--limit-s", type=float, default=10.0, help="seconds after which a command hangs (default: 10)")
    add("--limit-mib", type=int, default=2048, help="memory that a command may take (default: 2048)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
