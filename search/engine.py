"""A whole study: opened or begun, searched, recorded. `search.run_study` is the entry point."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import optuna
from rich.console import Console

from search.cluster.data_check import (
    node_requirements,
    require_architectures,
    require_data,
    require_validation,
)
from search.cluster.device import device_of_trials
from search.cluster.machine import describe_machine, installed_versions
from search.cluster.ray_cluster import ray_cluster, refuse_ray_client
from search.cluster.ray_watch import RayWatch, ray_watch
from search.cluster.resources import Allotments, Node
from search.errors import StudyFailedError
from search.options import RunOptions
from search.propose.proposer import require_sampler
from search.propose.warm_start import WarmStart, warm_start
from search.result import Ending, SearchResult
from search.study.attributes import Run, StudyAttributes
from search.study.drivers import Drivers
from search.study.folder import RunFolder
from search.study.lock import lock_study
from search.study.opening import (
    continue_study,
    create,
    open_existing,
    require_budget,
    require_new,
    stored_space,
    was_never_begun,
    with_options,
)
from search.study.storage import reading
from search.terminal.display import Display
from search.terminal.report_server import live_report
from search.trials.prior import device_bound
from search.trials.resume_checks import require_known_code, require_same, require_same_configs
from search.trials.store import TrialStore
from search.trials.to_record import study_record
from search.trials.writer import RecordWriter
from search.tune.job_factory import Setting
from search.tune.phases import has_work
from search.tune.stop_request import StopRequest
from search.worker.checkpoint_place import CheckpointPlace, study_place
from spaces.space import Space
from spikefront.command import fault
from spikefront.errors import FailedError, InputError
from spikefront.lasting_output import lasting_console
from studies.model import Study
from studies.pareto import front


@dataclass(frozen=True)
class _StudySetup:
    """A study that may be run.

    study, before: as opened and as it stood then, None for a new one.
    """

    space: Space
    attributes: StudyAttributes
    study: optuna.Study | None
    folder: RunFolder
    drivers: Drivers
    options: RunOptions
    before: StudyAttributes | None = None

    def earlier(self, device: str | None) -> list[WarmStart]:
        """What to start from, where trials run on this device model; None: not known yet."""
        options = self.options
        return [
            warm_start(run, self.space, self.attributes.objectives, device, options.out)
            for run in options.warm_start
        ]

    def with_nothing_to_do(self) -> _StudySetup:
        """The same with the stored attributes: a budget or sampler that no trial ran with is not recorded."""
        if self.before is None:
            return self
        now = self.attributes
        attributes = replace(self.before, checkpoints=now.checkpoints, keep_checkpoints=now.keep_checkpoints)
        return replace(self, attributes=attributes)


def run_study(space: Space, options: RunOptions | None = None) -> Study:
    """Search a space and return the study as recorded; after Ctrl-C, too.

    Raises:
        SearchError: the study cannot be begun or continued; nothing was changed.
        StudyFailedError: the study failed as a whole; what was recorded can be resumed.
    """
    return run_search(space, options or RunOptions()).study


def run_search(space: Space | None, options: RunOptions) -> SearchResult:
    """As `run_study`, with all that the command line prints. space: None only for a resume by name."""
    deadline = None if options.time_budget_s is None else time.monotonic() + options.time_budget_s
    refuse_ray_client(options.address)
    folder = RunFolder.of(options.out, options.study or (space.name if space else ""))
    with lock_study(folder, options.storage) as drivers:
        setup = _open(folder, space, options, drivers)
        folder.require_free_disk()
        opened = None if setup.study is None else _OpenStudy.of(setup, setup.study)
        if opened is not None:
            require_budget(opened.store.n_trials, options.trials)
            if not has_work(opened.store, setup.space, opened.front()):
                opened.setup = setup.with_nothing_to_do()
                opened.continue_study()
                return opened.close("budget", finished_at=opened.setup.attributes.finished_at)
            require_same_configs(setup.attributes, setup.space, opened.store.trials.values())
        require_validation(setup.space)
        require_architectures(setup.space)
        if options.address == "local":
            require_data(setup.space)
        console = lasting_console(quiet=not options.show)
        with ExitStack() as stack:
            live = stack.enter_context(live_report(folder.path, options.live))
            with console.status("starting Ray"):
                wanted = node_requirements(setup.space, setup.attributes.checkpoints)
                cluster = ray_cluster(options.address, wanted, lambda line: _say(console, line))
                nodes = stack.enter_context(cluster)
            watch = stack.enter_context(ray_watch(options.address))
            if live:
                _say(console, f"live report: {live}")
            with _unexpected_errors_fail_the_study():
                return _run(setup, opened, nodes, console, watch, StopRequest(deadline, watch.require))


def _open(folder: RunFolder, space: Space | None, options: RunOptions, drivers: Drivers) -> _StudySetup:
    """Look at what is there; see `search.study.opening` for what is refused."""
    study = before = None
    if options.resume and not (space and was_never_begun(folder, options.storage)):
        study, before = open_existing(folder, options.storage)
        require_known_code(study, before, space, options.allow_code)
        if space is None:
            space = stored_space(before)
        else:
            require_same(before, space)
    else:
        require_new(folder, options.storage)
    assert space is not None, "only a resume goes without a space"
    space = with_options(space, options.trials, options.seed, options.replicates)
    require_sampler(space)
    run = Run(datetime.now(UTC).isoformat(), describe_machine(), installed_versions())
    attributes = (
        _attributes(folder.path.name, space, run)
        if before is None
        else before.with_space(space).continued(run)
    )
    attributes = replace(
        attributes,
        checkpoints=options.checkpoints or attributes.checkpoints,
        keep_checkpoints=options.keep_checkpoints or attributes.keep_checkpoints,
    )
    setup = _StudySetup(space, attributes, study, folder, drivers, options, before)
    setup.earlier(None)  # refuses what cannot be read
    return setup


def _attributes(name: str, space: Space, run: Run) -> StudyAttributes:
    attributes = StudyAttributes.of(name, space)
    run = replace(run, started_at=attributes.started_at)
    return replace(attributes, machine=run.machine, versions=run.versions, runs=(run,))


@contextmanager
def _write_errors_fail_the_study() -> Iterator[None]:
    """A disk or database that cannot be written fails the study; it is not an error of this program."""
    try:
        yield
    except (OSError, optuna.exceptions.StorageInternalError) as error:
        raise StudyFailedError(f"its storage or record cannot be written: {error}") from error


@contextmanager
def _unexpected_errors_fail_the_study() -> Iterator[None]:
    """An unexpected exception ends a running study like any failure: what was recorded is kept."""
    try:
        yield
    except (InputError, FailedError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise StudyFailedError(
            f"{fault(error)}; what was recorded is kept, continue with --resume"
        ) from error


@dataclass
class _OpenStudy:
    """A study that is open, and its record."""

    setup: _StudySetup
    study: optuna.Study
    place: CheckpointPlace
    store: TrialStore
    writer: RecordWriter

    @classmethod
    def of(cls, setup: _StudySetup, study: optuna.Study | None) -> _OpenStudy:
        """study: None to begin it; one that exists is only read."""
        attributes = setup.attributes
        place = study_place(
            attributes.checkpoints, setup.folder.path, attributes.name, attributes.started_at or ""
        )
        study = study or create(setup.folder, setup.options.storage, attributes, setup.drivers)
        with reading(f"study {attributes.name!r}"):
            store = TrialStore(study, attributes.objectives, attributes.limits, setup.drivers)
        writer = RecordWriter(store, setup.folder, place)
        return cls(setup, study, place, store, writer)

    @_write_errors_fail_the_study()
    def continue_study(self) -> None:
        """Record that the study continues."""
        setup = self.setup
        continue_study(setup.folder, setup.options.storage, setup.attributes, self.study, setup.drivers)
        self.store.repair()

    def front(self) -> list[int]:
        """The numbers of the front's trials."""
        return [trial.number for trial in front(study_record(self.study, self.setup.attributes))]

    @_write_errors_fail_the_study()
    def close(self, ending: Ending, note: str | None = None, finished_at: str | None = None) -> SearchResult:
        """Write what stays. finished_at: when the study ended, where that is not now.

        Raises:
            StudyFailedError: it cannot be written.
        """
        with self.store.exclusive():
            # As it is now: a driver that joined later may have given the study a larger budget.
            attributes = StudyAttributes.of_begun(self.study)
            if not self.store.others_at_work():
                attributes.finished(finished_at).write(self.study)
        record, report, problem = self.writer.finish()
        return SearchResult(
            record, self.setup.folder, ending, attributes.keep_checkpoints, note, report, problem
        )


def _run(
    setup: _StudySetup,
    opened: _OpenStudy | None,
    nodes: Sequence[Node],
    console: Console,
    watch: RayWatch,
    stop: StopRequest,
) -> SearchResult:
    """Search, with the record and the display kept up to date, then write what stays.

    opened: None for a study that is still to be begun.
    """
    from search.tune.loop import search

    allotments = Allotments(setup.space.resources.cpu, setup.space.resources.gpu, nodes)
    allotments.n_slots()  # refuses what no node has, before anything is written
    allotments.require_one_model(device_bound(setup.attributes.objectives, setup.attributes.limits))
    device = None if opened is None else opened.store.device
    if setup.options.warm_start and device is None:
        device = device_of_trials(setup.options.trainer, allotments.of())
    opened = _begin(setup, opened, setup.earlier(device), lambda line: _say(console, line))
    setting = Setting(setup.space, setup.folder, opened.place, setup.options.trainer, allotments)
    if note := allotments.of().note:
        console.print(note, style="yellow", markup=False, highlight=False)
    with stop.on_signals():
        with Display(console, opened.store, setup.space.budget.trials, setup.attributes) as display:

            def poll() -> None:
                opened.writer.poll()
                display.poll()

            with watch.bounded():
                ending, note = search(setting, opened.store, stop, poll, display.say, opened.front)
            display.poll()
        return opened.close(ending, note)


@_write_errors_fail_the_study()
def _begin(
    setup: _StudySetup, opened: _OpenStudy | None, earlier: Sequence[WarmStart], say: Callable[[str], None]
) -> _OpenStudy:
    """Begin or continue the study, and queue what comes before the sampler's proposals."""
    from search.propose.initial_queue import queue_baselines, use_warm_start

    if opened is None:
        opened = _OpenStudy.of(setup, None)
        if n := queue_baselines(opened.store, setup.space):
            say(f"tried first: {n} known {'recipe that lies' if n == 1 else 'recipes that lie'} in the space")
    else:
        if changed := setup.attributes.changes():
            say(f"continued with {', '.join(changed)}")
        opened.continue_study()
    for study in earlier:
        use_warm_start(opened.store, setup.space, study)
        for line in study.notes:
            say(line)
    return opened


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
