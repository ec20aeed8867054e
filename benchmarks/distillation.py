"""What distillation gives on Fashion-MNIST, three seeds each: accuracy with all steps, after one, early exit.

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

P2_NEURON = {"decay": 0.5, "reset": "soft", "surrogate": "rectangular", "surrogate_slope": 1.0}
"""P2's: sec. 3.1 and app. B; its reset is detached here, as the trainer's default."""
DEFAULT_NEURON: dict[str, Any] = {}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    # Keep freed memory instead of handing it back: glibc otherwise maps and clears every large tensor anew.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}


@dataclass(frozen=True)
class Method:
    """One row of a table. beta: the weight of distillation; None where the mode has none."""

    mode: str
    beta: float | None = None

    @property
    def name(self) -> str:
        return self.mode if self.beta is None else f"{self.mode}-{self.beta:g}"


NONE = Method("none")


@dataclass(frozen=True)
class Table:
    """Runs that may be compared with one another: same data, neuron and gradient. The first row is `none`."""

    name: str
    title: str
    gradient: str
    neuron: dict[str, Any]
    events: str
    methods: tuple[Method, ...]


TABLES = (
    Table(
        name="static-p2",
        title="Still images, P2's neuron, `bptt`",
        gradient="bptt",
        neuron=P2_NEURON,
        events="none",
        methods=(
            NONE,
            *(Method(mode, beta) for mode in ("strong2weak", "weak2strong") for beta in (0.1, 1.0)),
        ),
    ),
    Table(
        name="static-default",
        title="Still images, the trainer's default neuron, `bptt`",
        gradient="bptt",
        neuron=DEFAULT_NEURON,
        events="none",
        methods=(NONE, Method("strong2weak", 0.1), Method("strong2weak", 1.0)),
    ),
    Table(
        name="events-p2",
        title="Simulated events (`data.events: saccades`), P2's neuron, `bptt`",
        gradient="bptt",
        neuron=P2_NEURON,
        events="saccades",
        methods=(NONE, Method("strong2weak", 0.1), Method("strong2weak", 1.0), Method("weak2strong", 1.0)),
    ),
    Table(
        name="branches",
        title="Still images, branches after stages 1 and 2 (P1), the trainer's default neuron, `rate`",
        gradient="rate",
        neuron=DEFAULT_NEURON,
        events="none",
        methods=(
            NONE,
            Method("supervised"),
            *(Method(mode, 0.3) for mode in ("deepest", "ensemble", "reliable")),
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
        return f"{self.table.name}-{self.method.name}-{self.seed}"

    def config(self, root: str) -> dict[str, Any]:
        """The trainer's defaults but for what the table says."""
        table, method = self.table, self.method
        has_branches = table.gradient == "rate" and method.mode != "none"
        return {
            "T": 4,
            "gradient": table.gradient,
            "seed": self.seed,
            "data": {
                "name": "fashion_mnist",
                "root": root,
                "size": 16,
                "events": table.events,
                "val_fraction": 0.02,
                "train_limit": 4_000,
            },
            "model": {"arch": "convnet", "width": 0.5},
            "neuron": table.neuron,
            "distillation": {
                "mode": method.mode,
                "branches": [1, 2] if has_branches else [],
                "beta": 0.0 if method.beta is None else method.beta,
            },
            "optim": {"epochs": 6},
            "measure": {"exit_confidence": 0.8},
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


COLUMNS = {
    "with all 4 steps": "test_accuracy_at_4",
    "after 1 step": "test_accuracy_at_1",
    "early exit": "test_exit_accuracy",
    "its steps": "test_exit_steps",
}
"""Heading of a column -> the field of a result in it."""


def _table(table: Table, out: Path) -> Iterator[str]:
    heads = [*COLUMNS, "seeds", "gain with all 4", "gain after 1"]
    yield f"### {table.title}"
    yield ""
    yield f"| mode | β | {' | '.join(heads)} |"
    yield "|---|---|" + "---|" * len(heads)
    base = _results(table, NONE, out)
    for method in table.methods:
        results = _results(table, method, out)
        cells = [_mean_sd([result[key] for result in results.values()]) for key in COLUMNS.values()]
        cells.append(str(len(results)))
        for key in ("test_accuracy_at_4", "test_accuracy_at_1"):
            gains = [result[key] - base[seed][key] for seed, result in results.items() if seed in base]
            cells.append("" if method == NONE else _mean_sd(gains, signed=True))
        beta = "" if method.beta is None else f"{method.beta:g}"
        yield f"| {method.mode} | {beta} | {' | '.join(cells)} |"


def _results(table: Table, method: Method, out: Path) -> dict[int, dict[str, float]]:
    """The metrics of the finished runs of a row, by seed."""
    paths = {seed: out / Run(table, method, seed).name / "result.json" for seed in SEEDS}
    results = {
        seed: json.loads(path.read_text(encoding="utf-8")) for seed, path in paths.items() if path.is_file()
    }
    return {
        seed: {**result["metrics"], "test_accuracy_at_4": result["test_accuracy"]}
        for seed, result in results.items()
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
