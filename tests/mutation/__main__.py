"""`python -m tests.mutation`: see the package."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from tests.mutation.belonging import tests_of
from tests.mutation.locate import locate
from tests.mutation.sites import ROOMS, Site, mutated, sites

LIMIT_S = 300.0
"""Of the tests of one mutation, after which it counts as not caught; a single test may take a third of it."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Do the tests see a fault?")
    parser.add_argument("action", choices=("draw", "locate", "run"))
    parser.add_argument("file", nargs="?", type=Path, help="what an earlier action has written")
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument(
        "--tree", type=Path, default=Path(), help="root of the tree to mutate (default: here)"
    )
    parser.add_argument("--old-tree", type=Path, help="for locate: the tree that FILE was drawn from")
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args(argv)
    root = arguments.tree.resolve()
    if arguments.action == "draw":
        rows = [asdict(site) for site in draw(root, arguments.n, arguments.seed)]
    else:
        drawn = [Site(**row.get("site", row)) for row in _read(arguments.file)]
        if arguments.action == "run":
            return run(drawn, root, arguments.to)
        found = [locate(site, arguments.old_tree.resolve(), root) for site in drawn]
        rows = [asdict(site) for site in found if site is not None]
        gone = [
            f"  {site.file}: {site.statement}" for site, new in zip(drawn, found, strict=True) if new is None
        ]
        print(f"{len(rows)} located, {len(gone)} gone", *gone, sep="\n")
    arguments.to.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def draw(root: Path, n: int, seed: int) -> list[Site]:
    """n sites, by equal chances for every site of the rooms; at most one in a statement."""
    every = [
        site for room in ROOMS for path in sorted((root / room).rglob("*.py")) for site in sites(path, root)
    ]
    chosen: dict[tuple[str, int], Site] = {}
    for site in Random(seed).sample(every, 3 * n):
        chosen.setdefault((site.file, site.line), site)
    return list(chosen.values())[:n]


def run(drawn: Sequence[Site], root: Path, to: Path) -> int:
    """Run the tests of each mutation in a tree, which must be a copy that nobody else uses.

    Results are kept after each mutation; those that `to` has already are not run again.
    """
    results: list[dict[str, Any]] = _read(to) if to.is_file() else []
    known = [result["site"] for result in results]
    for site in drawn:
        if asdict(site) in known:
            continue
        started = time.monotonic()
        ending, last = _try(site, root)
        results.append(
            {
                "site": asdict(site),
                "ending": ending,
                "seconds": round(time.monotonic() - started, 1),
                "last": last,
            }
        )
        to.write_text(json.dumps(results, indent=1) + "\n")
        print(
            f"{ending:9} {results[-1]['seconds']:6.1f} s  {site.kind:10} {site.file}:{site.line}", flush=True
        )
    endings = Counter(result["ending"] for result in results)
    print(f"caught {endings['caught']} of {len(results)}; {dict(endings)}")
    return 0


def _try(site: Site, root: Path) -> tuple[str, str]:
    path = root / site.file
    before = path.read_bytes()
    tests = tests_of(site.file, root)
    if not tests:
        return "no tests", ""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--durations=0"]
    command += [f"--timeout={LIMIT_S / 3:g}", *tests]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    path.write_text(mutated(path, site), encoding="utf-8")
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return "time", ""
    finally:
        path.write_bytes(before)
    failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR", "E  "))]
    endings = {0: "survived", 1: "caught", 2: "caught", 4: "caught", 5: "no tests"}
    return endings.get(process.returncode, "caught"), failed[-1][:200] if failed else ""


def _read(path: Path) -> list[Any]:
    rows: list[Any] = json.loads(path.read_text())
    return rows


if __name__ == "__main__":
    sys.exit(main())
