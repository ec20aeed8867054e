"""A whole study: opened or begun, searched, recorded. `search.run_study` is the door."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
from rich.console import Console

from search.about import About
from search.cluster import ray_cluster, refuse_ray_client
from search.display import Display
from search.folder import RunFolder
from search.ledger import Ledger
from search.machine import describe_machine, installed_versions
from search.needs import require_data
from search.opening import (
    create,
    open_existing,
    require_new,
    require_same,
    stored_space,
    with_options,
    write_space,
)
from search.options import RunOptions
from search.record import study_record
from search.recorder import Recorder, write_report
from search.resources import Node, count_slots, decide_share
from search.stopping import Ending, StopRequest
from spaces.space import Space
from studies.model import Study


@dataclass(frozen=True)
class Conducted:
    """A study that has ended. note: why, where the ending alone does not tell; problem: with the report."""

    study: Study
    folder: RunFolder
    ending: Ending
    note: str | None = None
    report: Path | None = None
    problem: str | None = None


@dataclass(frozen=True)
class _Job:
    """A study that may be run. study: as opened, None for a new one."""

    space: Space
    about: About
    study: optuna.Study | None
    folder: RunFolder


def run_study(space: Space, options: RunOptions | None = None) -> Study:
    """Search a space and return the study as recorded; after Ctrl-C, too.

    Raises:
        SearchError: the study cannot be begun or gone on with; nothing was changed.
        StudyFailedError: the study failed as a whole; what was recorded can be resumed.
    """
    return conduct(space, options or RunOptions()).study


def conduct(space: Space | None, options: RunOptions) -> Conducted:
    """As `run_study`, with all that the command line tells. space: None only for a resume by name."""
    deadline = None if options.time_budget_s is None else time.monotonic() + options.time_budget_s
    refuse_ray_client(options.address)
    folder = RunFolder.of(options.out, options.study or (space.name if space else ""))
    with folder.claim():
        job = _open(folder, space, options)
        folder.require_free_disk()
        require_data(job.space)
        console = Console(quiet=not options.show)
        with ExitStack() as stack:
            with console.status("starting Ray"):
                nodes = stack.enter_context(ray_cluster(options.address))
            return _run(job, options, nodes, console, StopRequest(deadline))


def _open(folder: RunFolder, space: Space | None, options: RunOptions) -> _Job:
    """Look at what is there; see `search.opening` for what is refused."""
    # A driver that died before its first record has left a folder that is as good as none.
    never_begun = space is not None and folder.journal.exists() and folder.is_empty()
    if options.resume and not never_begun:
        study, about = open_existing(folder, options.storage)
        if space is None:
            space = stored_space(about)
        else:
            require_same(about, space)
        space = with_options(space, options.trials, options.seed)
        return _Job(space, about.with_space(space), study, folder)
    assert space is not None, "only a resume goes without a space"
    require_new(folder, options.storage)
    space = with_options(space, options.trials, options.seed)
    about = replace(
        About.of(folder.path.name, space), machine=describe_machine(), versions=installed_versions()
    )
    return _Job(space, about, None, folder)


def _run(
    job: _Job, options: RunOptions, nodes: Sequence[Node], console: Console, stop: StopRequest
) -> Conducted:
    """Search, with the record and the display kept up to date, then write what stays."""
    from search.tuning import Setting, search

    share = decide_share(job.space.resources.cpu, job.space.resources.gpu, nodes)
    n_slots = count_slots(share, nodes)
    about = job.about
    study = job.study or create(job.folder, options.storage, about)
    if job.study is not None:
        about.write(study)
        write_space(job.folder, about)
    ledger = Ledger(study, about.objectives, about.limits)
    recorder = Recorder(study, about, job.folder, options.keep_checkpoints)
    setting = Setting(job.space, job.folder, options.trainer, share, n_slots)
    if share.note:
        console.print(share.note, style="yellow", markup=False, highlight=False)
    with stop.on_signals():
        with Display(console, ledger, job.space.budget.trials, lambda: study_record(study, about)) as display:

            def turn() -> None:
                recorder.turn()
                display.turn()

            ending, note = search(setting, ledger, stop, turn, display.say)
            display.turn()
        about = about.finished_now()
        about.write(study)
        record = recorder.write(about)
        report, problem = write_report(record, job.folder)
    return Conducted(record, job.folder, ending, note, report, problem)
