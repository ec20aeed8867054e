"""Every distillation mode on Fashion-MNIST, three seeds each: validation and test accuracy, mean ± sd.

    spikefront data fashion_mnist --root data
    python -m benchmarks.distillation --root data            # all runs, as many at once as there are cores
    python -m benchmarks.distillation --show                 # the tables of what is finished so far

Each run is a final training of its own in a process of its own. Ctrl-C at any time: the same command
goes on where it stopped, within an epoch. The tables go into docs/distillation.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SEEDS = (0, 1, 2)
OUT = Path("runs/distillation")
PAGE = Path("docs/distillation.md")

CONVNET = {"arch": "convnet"}
RESNET = {"arch": "resnet18", "width": 0.125}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    # Keep freed memory instead of handing it back: glibc otherwise maps and clears every large tensor anew.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}


@dataclass(frozen=True)
class Method:
    """One row of a table."""

    gradient: str
    mode: str
    variant: str = "pair"

    @property
    def name(self) -> str:
        return self.mode if self.variant == "pair" else f"{self.mode}, {self.variant}"


@dataclass(frozen=True)
class Table:
    """Runs that may be compared with one another: same network, same data, same epochs."""

    name: str
    title: str
    model: dict[str, Any]
    train_limit: int
    epochs: int
    branches: tuple[int, ...]
    methods: tuple[Method, ...]


TABLES = (
    Table(
        name="convnet",
        title="`convnet`, 12,000 training images, 10 epochs",
        model=CONVNET,
        train_limit=12_000,
        epochs=10,
        branches=(1, 2),
        methods=(
            *(Method("rate", mode) for mode in ("none", "supervised", "deepest", "ensemble", "reliable")),
            *(Method("bptt", mode) for mode in ("none", "strong2weak", "weak2strong")),
            Method("bptt", "strong2weak", "cascade"),
        ),
    ),
    Table(
        name="resnet18",
        title="`resnet18` at width 0.125, 6,000 training images, 5 epochs",
        model=RESNET,
        train_limit=6_000,
        epochs=5,
        branches=(1, 2, 3),
        methods=(
            Method("rate", "none"),
            Method("rate", "reliable"),
            Method("bptt", "none"),
            Method("bptt", "strong2weak"),
        ),
    ),
)


@dataclass(frozen=True)
class Run:
    """One training: a row of a table with a seed."""

    table: Table
    method: Method
    seed: int

    @property
    def name(self) -> str:
        method = self.method
        return f"{self.table.name}-{method.gradient}-{method.mode}-{method.variant}-{self.seed}"

    def config(self, root: str) -> dict[str, Any]:
        """The trainer's defaults but for what the table says; published weights of the distillation."""
        method = self.method
        is_temporal = method.mode in ("strong2weak", "weak2strong")
        has_branches = method.mode != "none" and not is_temporal
        return {
            "T": 4,
            "gradient": method.gradient,
            "seed": self.seed,
            "data": {
                "name": "fashion_mnist",
                "root": root,
                "val_fraction": 0.05,
                "train_limit": self.table.train_limit,
            },
            "model": self.table.model,
            "distillation": {
                "mode": method.mode,
                "variant": method.variant,
                "branches": list(self.table.branches) if has_branches else [],
                "alpha": 1.0,
                "beta": 1.0 if is_temporal else 0.3,
            },
            "optim": {"epochs": self.table.epochs},
        }


def all_runs() -> list[Run]:
    """Seed by seed, so that an interrupted study has whole rows of the first seeds."""
    return [Run(table, method, seed) for seed in SEEDS for table in TABLES for method in table.methods]


def perform(runs: list[Run], root: str, out: Path, jobs: int) -> None:
    """Train what has no result yet, `jobs` at a time; a failed run stops the whole."""
    waiting = [run for run in runs if not (out / run.name / "result.json").is_file()]
    print(f"{len(runs) - len(waiting)} of {len(runs)} runs are finished", flush=True)
    at_work: dict[subprocess.Popen[bytes], Run] = {}
    try:
        while waiting or at_work:
            while waiting and len(at_work) < jobs:
                run = waiting.pop(0)
                at_work[_start(run, root, out)] = run
            time.sleep(0.5)
            for process in [process for process in at_work if process.poll() is not None]:
                run = at_work.pop(process)
                if process.returncode != 0:
                    raise SystemExit(f"{run.name} failed; see {out / (run.name + '.log')}")
                result = json.loads((out / run.name / "result.json").read_text(encoding="utf-8"))
                print(f"{run.name}: test {result['test_accuracy']:.2f} %", flush=True)
    finally:
        for process in at_work:
            process.send_signal(signal.SIGINT)
        for process in at_work:
            process.wait()


def _start(run: Run, root: str, out: Path) -> subprocess.Popen[bytes]:
    out.mkdir(parents=True, exist_ok=True)
    config = out / f"{run.name}.yaml"
    with config.open("w", encoding="utf-8") as file:
        YAML().dump(run.config(root), file)
    command = [sys.executable, "-m", "snncore.train", str(config), "--out", str(out / run.name)]
    command += ["--threads", "1", "--device", "cpu"]
    command += ["--resume"] if (out / run.name).is_dir() else []
    with (out / f"{run.name}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | ONE_THREAD)


def tables(out: Path) -> str:
    """Markdown of all tables, from the results there are."""
    return "\n\n".join("\n".join(_table(table, out)) for table in TABLES)


def _table(table: Table, out: Path) -> Iterator[str]:
    yield f"### {table.title}"
    yield ""
    yield "| gradient | mode | validation, % | test, % | seeds | test, against none of the same gradient |"
    yield "|---|---|---|---|---|---|"
    for method in table.methods:
        results = _results(table, method, out)
        base = _results(table, Method(method.gradient, "none"), out)
        validation, test = (
            _mean_sd([result[key] for result in results.values()])
            for key in ("val_accuracy", "test_accuracy")
        )
        gains = [
            result["test_accuracy"] - base[seed]["test_accuracy"]
            for seed, result in results.items()
            if seed in base
        ]
        gain = "" if method.mode == "none" else _mean_sd(gains, signed=True)
        yield f"| {method.gradient} | {method.name} | {validation} | {test} | {len(results)} | {gain} |"


def _results(table: Table, method: Method, out: Path) -> dict[int, dict[str, Any]]:
    paths = {seed: out / Run(table, method, seed).name / "result.json" for seed in SEEDS}
    return {
        seed: json.loads(path.read_text(encoding="utf-8")) for seed, path in paths.items() if path.is_file()
    }


def _mean_sd(values: list[float], signed: bool = False) -> str:
    if not values:
        return "–"
    mean = f"{statistics.mean(values):{'+' if signed else ''}.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


def into_page(text: str, page: str) -> str:
    """The page with `text` between its two markers."""
    begin, end = "<!-- tables -->", "<!-- end of tables -->"
    pattern = re.escape(begin) + ".*" + re.escape(end)
    assert re.search(pattern, page, re.DOTALL), f"the page has no {begin} … {end}"
    return re.sub(pattern, lambda _: f"{begin}\n\n{text}\n\n{end}", page, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", default="data", help="folder with the data sets")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the trainings")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trainings at once")
    parser.add_argument("--only", default="", help="part of a run's name, such as convnet-rate")
    parser.add_argument("--show", action="store_true", help="only print the tables")
    parser.add_argument("--page", type=Path, help=f"write the tables into this page, such as {PAGE}")
    arguments = parser.parse_args()
    try:
        if not arguments.show:
            runs = [run for run in all_runs() if arguments.only in run.name]
            perform(runs, arguments.root, arguments.out, arguments.jobs)
    except KeyboardInterrupt:
        print("stopped; the same command goes on")
    text = tables(arguments.out)
    print(text)
    if arguments.page:
        page = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(into_page(text, page), encoding="utf-8")


if __name__ == "__main__":
    main()
