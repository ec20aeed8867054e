"""The main job: `python -m search.run --space spaces/cifar100.yaml`, also `spikefront run`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.errors import SearchError
from search.tune.stop_request import parse_duration
from snncore.config.overrides import parse_overrides
from snncore.config.own_arch import ALLOW_CODE
from spaces.sections import MAX_REPLICATES
from spikefront.command import run_command
from spikefront.lasting_output import complain
from spikefront.numbers import whole

if TYPE_CHECKING:
    from search.options import RunOptions
    from search.result import SearchResult
    from spaces.space import Space

N_SAMPLES = 3
"""Configs that a dry run shows."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a study as the arguments say; the exit code.

    0 done, 1 the study failed as a whole, 2 a mistake of the user, 130 stopped by the user.
    """
    return run_command(
        lambda: _command(_parser().parse_args(argv)), stopped="stopped; what was recorded is kept"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search.run", description="Search a space; leaves its record in runs/STUDY/."
    )
    add = parser.add_argument
    add("--space", metavar="PATH", help="a space file, or the name of a packaged space such as digits")
    add("--study", metavar="NAME", help="name of the study; default: the space's name")
    add("--out", metavar="DIR", default="runs", help="folder of all run folders; default: runs")
    add("--trials", metavar="N", type=whole(1), help="budget, instead of the space's")
    add("--time-budget", metavar="TIME", help="end after a time such as 30s, 2h or 1h30m")
    add("--resume", action="store_true", help="continue a study that exists")
    add("--fresh-name", action="store_true", help="if the study exists, take NAME-2, NAME-3, ...")
    add("--address", default="local", metavar="WHERE", help="Ray: local (default), auto or HOST:PORT")
    add("--storage", metavar="URL", help="Optuna storage URL instead of a journal in the run folder")
    add(
        "--warm-start", metavar="RUN", action="append", default=[],
        help="learn from an earlier study, such as runs/digits; may be given several times",
    )  # fmt: skip
    add(
        "--replicates",
        metavar="K",
        type=whole(0, MAX_REPLICATES),
        help="train the front with K further seeds at the end",
    )
    add("--seed", metavar="N", type=whole(0), help="seed of the sampler, instead of the space's")
    add(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides",
        help="set a field of base (dotted key, YAML value); a searched field leaves the search",
    )  # fmt: skip
    add("--checkpoints", metavar="PLACE", help="folder or URI such as s3://bucket/x; default: run folder")
    add(
        "--live", metavar="PORT", nargs="?", const=0, type=whole(0, 65_535),
        help="serve the report to this machine while trials run; default port: a free one",
    )  # fmt: skip
    add("--allow-code", action="store_true", help="with --resume and no --space: " + ALLOW_CODE)
    add("--dry-run", action="store_true", help="print the resolved space and three configs; train nothing")
    add(
        "--keep-checkpoints", choices=("all", "front", "none"),
        help="whose checkpoints stay when they have finished; default: as said before, else front",
    )  # fmt: skip
    return parser


def _command(arguments: argparse.Namespace) -> int:
    space, notes = _load_space(arguments)
    for note in notes:
        complain(note)
    if arguments.dry_run:
        if space is None:
            raise SearchError("--dry-run: needs --space")
        from search.cluster.data_check import require_architectures

        _options(arguments, space)  # refuses what could not be run
        require_architectures(space)
        print(_dry_run(space, arguments))
        return 0
    from search.engine import run_search
    from search.terminal.summary import has_failed, print_summary
    from spikefront.lasting_output import lasting_console

    options = _options(arguments, space)
    result = run_search(space, options)
    print_summary(result, lasting_console(), _resume_command(options, result))
    if result.ending == "interrupted":
        return 130
    return 1 if has_failed(result.study) else 0


def _load_space(arguments: argparse.Namespace) -> tuple[Space | None, list[str]]:
    overrides = parse_overrides(arguments.overrides)
    if arguments.space is not None:
        from search.checker import TrainerChecker
        from spaces.load import load_space

        return load_space(arguments.space, TrainerChecker(), overrides)
    if not (arguments.resume and arguments.study):
        raise SearchError(
            "--space: needed, a path or a name such as digits; only --resume --study NAME goes without"
        )
    if overrides:
        raise SearchError("--set: cannot change a study that exists; leave it out, or give --space")
    return None, []


def _options(arguments: argparse.Namespace, space: Space | None) -> RunOptions:
    from search.options import RunOptions
    from search.study.folder import fresh_name

    study = arguments.study
    if arguments.fresh_name:
        if space is None or arguments.resume:
            raise SearchError("--fresh-name: begins a new study; it cannot be used with --resume")
        study = fresh_name(arguments.out, study or space.name)
    budget = arguments.time_budget
    return RunOptions(
        study=study,
        out=arguments.out,
        trials=arguments.trials,
        time_budget_s=None if budget is None else parse_duration(budget),
        resume=arguments.resume,
        address=arguments.address,
        storage=arguments.storage,
        seed=arguments.seed,
        replicates=arguments.replicates,
        warm_start=tuple(arguments.warm_start),
        checkpoints=arguments.checkpoints,
        keep_checkpoints=arguments.keep_checkpoints,
        live=arguments.live,
        allow_code=arguments.allow_code,
    )


def _dry_run(space: Space, arguments: argparse.Namespace) -> str:
    """The resolved space, and three configs drawn from it at random."""
    import numpy as np

    from search.config_key import resolve
    from search.study.opening import as_yaml, with_options
    from spaces.draw import RandomDraw
    from spaces.walk import suggest

    space = with_options(space, arguments.trials, arguments.seed, arguments.replicates)
    draw = RandomDraw(np.random.default_rng(space.sampler.seed))
    parts = [as_yaml(space.as_dict())]
    for count in range(1, N_SAMPLES + 1):
        config, _ = resolve(space, suggest(space, draw))
        parts.append(f"--- # sample config {count} of {N_SAMPLES}\n{as_yaml(config)}")
    return "\n".join(parts)


def _resume_command(options: RunOptions, result: SearchResult) -> str:
    from search.options import KEEP_CHECKPOINTS
    from search.trials.resume_checks import own_archs

    words = ["python", "-m", "search.run", "--resume", "--study", result.study.info.name]
    if options.out != "runs":
        words += ["--out", options.out]
    if options.address != "local":
        words += ["--address", options.address]
    if own_archs(result.study.info.space):
        words.append("--allow-code")
    if result.keep_checkpoints != KEEP_CHECKPOINTS:
        words += ["--keep-checkpoints", result.keep_checkpoints]
    return shlex.join(words)


if __name__ == "__main__":
    sys.exit(main())
