"""Where the wall time of a digits trial goes, in a worker that has run a trial before.

    python -m benchmarks.trial                               # three networks of the space, without Ray
    python -m benchmarks.trial --ray --json trial.json       # the same through a study of four trials each

Runs trials of `spaces/digits.yaml` with the real trainable: probe, all epochs, reports, checkpoints,
metrics. The first trial warms the process and is thrown away; of the others, each part's median. With
--ray the trials run one after another in one worker of a real study, and waiting for the driver is a part.
Exits with 1 on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.setting import add_load_option
from benchmarks.surroundings import describe, in_words, is_quiet
from benchmarks.table import markdown, write_json
from benchmarks.trial_parts import PARTS, PARTS_FILE, STEPS, Stopwatch, instrumented
from search.checker import TrainerChecker
from search.config_key import resolve
from search.options import RunOptions
from search.tune.trainable import JOB, TrialTrainable
from search.worker.jobs import Job
from snncore.measure.timing import QUIET_SHARE, ForeignLoad
from spaces.load import load_space
from spaces.ranges import FloatRange
from spaces.space import Budget, Resources, SamplerChoice, Space

Seconds = Mapping[str, float]

NETWORKS = {"smallest": (2, 0.125), "middle": (4, 0.354), "largest": (6, 1.0)}
"""T and width: the ends of the space and their middle; mode none, gradient rate."""

EPOCHS: int | None = None
"""Of a trial; None: as many as the space says."""

ONE_SLOT = 0.51
"""Of the machine's cores, for a trial: two trials never run at once. `timed_trainer` trains on one thread."""


@dataclass(frozen=True)
class Result:
    """One network's trials. foreign_cores: mean cores that other processes kept busy, None with Ray."""

    network: str
    T: int
    width: float
    seconds: Seconds
    foreign_cores: float | None

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def steps_share(self) -> float:
        return sum(self.seconds[name] for name in STEPS) / self.total


def space_of(T: int, width: float) -> Space:
    """The digits space with everything fixed but the learning rate, in a range without effect on time."""
    space, _ = load_space("digits", TrainerChecker())
    optim = {**space.base["optim"], **({} if EPOCHS is None else {"epochs": EPOCHS})}
    base = {**space.base, "optim": optim, "T": T, "model": {"width": width}}
    return replace(space, base=base, search={"optim.lr": FloatRange(0.099, 0.101)}, fidelity=None)


def medians(trials: list[Seconds]) -> Seconds:
    return {name: statistics.median(trial[name] for trial in trials) for name in PARTS}


def without_ray(space: Space, n: int, folder: Path) -> tuple[list[Seconds], float]:
    """The parts of `n` trials after a first one, and the foreign load meanwhile."""
    config, _ = resolve(space, {"optim.lr": 0.1})
    n_epochs = config["optim"]["epochs"]
    jobs = [
        {JOB: Job(number, config, n_epochs, str(folder / f"trial-{number:04d}"))} for number in range(n + 1)
    ]
    watch = Stopwatch()
    trials: list[Seconds] = []
    with instrumented(watch):
        trainable = TrialTrainable(jobs[0])
        _to_the_end(trainable)
        load = ForeignLoad()
        for job in jobs[1:]:
            watch.lap()
            assert trainable.reset(job)
            _to_the_end(trainable)
            trials.append(watch.lap())
    trainable.stop()
    return trials, load.busy_cores()


def _to_the_end(trainable: TrialTrainable) -> None:
    while not trainable.train()["done"]:
        pass


def through_ray(space: Space, n: int, folder: Path) -> list[Seconds]:
    """The parts of `n` trials after a first one, in one worker of a study."""
    from search.engine import run_study

    space = replace(
        space,
        budget=Budget(n + 1),
        sampler=SamplerChoice("random", 0),
        resources=Resources(cpu=max(1.0, ONE_SLOT * (os.cpu_count() or 1)), gpu=0),
    )
    options = RunOptions(
        study="trial", out=str(folder), show=False, trainer="benchmarks.trial_parts:timed_trainer"
    )
    run_study(space, options)
    lines = (folder / "trial" / PARTS_FILE).read_text(encoding="utf-8").splitlines()
    trials = [json.loads(line)["seconds"] for line in lines]
    assert len(trials) == n + 1, f"{len(trials)} trials were timed, should be {n + 1}"
    return trials[1:]


def measured(network: str, n: int, with_ray: bool) -> Result:
    T, width = NETWORKS[network]
    with tempfile.TemporaryDirectory() as name:
        if with_ray:
            return Result(network, T, width, medians(through_ray(space_of(T, width), n, Path(name))), None)
        trials, foreign = without_ray(space_of(T, width), n, Path(name))
        return Result(network, T, width, medians(trials), foreign)


def table(results: list[Result]) -> str:
    """Markdown: a row per part, seconds and share of each network; * marks one measured under load."""
    heads = [
        f"{result.network}{'*' if (result.foreign_cores or 0) > QUIET_SHARE else ''}: "
        f"T={result.T}, width {result.width:g}; s"
        for result in results
    ]
    rows = [
        (name, *(cell for result in results for cell in _cells(result.seconds[name], result.total)))
        for name in PARTS
    ]
    rows.append(("whole trial", *(cell for result in results for cell in _cells(result.total, result.total))))
    steps = [(result.steps_share * result.total, result.total) for result in results]
    rows.append(("**training and evaluation steps**", *(cell for pair in steps for cell in _cells(*pair))))
    return markdown(("part", *(cell for head in heads for cell in (head, "%"))), rows)


def _cells(seconds: float, total: float) -> tuple[str, str]:
    return f"{seconds:.3f}", f"{100 * seconds / total:.1f}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trial",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--trials", type=int, default=3, help="measured trials of each network")
    parser.add_argument("--ray", action="store_true", help="through a study, with Ray")
    parser.add_argument("--json", help="write the numbers to this file too")
    add_load_option(parser)
    arguments = parser.parse_args(argv)
    if not is_quiet(arguments.allow_load):
        return 1
    environment = describe(1, "default", "cpu")
    print(in_words(environment) + "\n")
    results = [measured(network, arguments.trials, arguments.ray) for network in arguments.networks]
    print(table(results))
    rows = [vars(result) | {"total": result.total, "steps_share": result.steps_share} for result in results]
    write_json(arguments, "trial", environment, rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
