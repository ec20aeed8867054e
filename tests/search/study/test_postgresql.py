"""Several drivers of one study in a PostgreSQL server, which the tests start themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from search.errors import SearchError, StudyFailedError
from search.propose.proposer import Proposer
from search.record import rebuild
from search.study import drivers as drivers_module
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.study.lock import lock_study
from search.study.opening import create, open_existing, require_new
from search.trials.outcome import Outcome
from search.trials.to_record import study_record
from studies.model import Study
from studies.record import read_study
from tests.search import postgres
from tests.search.fakes import starts
from tests.search.shared_study import SPACE, begin, next_trial, store_of
from tests.search.stores import complete, measured, row
from tests.search.test_driver import SPACE as SPACE_FILE

ROOT = Path(__file__).parents[3]
MISSING = postgres.missing()

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """An empty database: what Optuna made in it goes afterwards."""
    yield server
    from sqlalchemy import text

    with drivers_module.server_connection(server) as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.of(tmp_path / "runs", "toy")


def _record(folder: RunFolder, url: str) -> Study:
    """From the storage alone."""
    study, attributes = open_existing(folder, url)
    return study_record(study, attributes)


def _check_each_once(record: Study, n_trials: int) -> None:
    assert [trial.number for trial in record.trials] == list(range(n_trials))
    assert {trial.state for trial in record.trials} == {"complete"}
    assert len({str(trial.config) for trial in record.trials}) == n_trials


class DriverProcess:
    """`tests.search.shared_study` in a process of its own."""

    def __init__(self, url: str, runs: Path, budget: int, *options: str) -> None:
        command = [sys.executable, "-m", "tests.search.shared_study", url, str(runs), str(budget), *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def wait_for(self, word: str) -> int:
        """The number of the first trial it says this about."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said, number = line.split()
            if said == word:
                return int(number)
        pytest.fail(f"it ended without {word!r}")

    def ended(self) -> list[int]:
        output, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0
        return [int(line.split()[1]) for line in output.splitlines()]


def test_two_drivers_lose_and_double_nothing(url: str, folder: RunFolder, tmp_path: Path) -> None:
    begin(url, folder)
    processes = [DriverProcess(url, tmp_path / runs, 24) for runs in ("runs", "elsewhere")]
    ended = [process.ended() for process in processes]
    assert sorted(ended[0] + ended[1]) == list(range(24))
    assert all(ended), "both had a part in it"
    _check_each_once(_record(folder, url), 24)
    rebuild(folder.path, url)
    assert read_study(folder.path) == _record(folder, url)


@pytest.mark.slow
def test_the_trial_of_a_killed_driver_is_taken_over_once(url: str, folder: RunFolder, tmp_path: Path) -> None:
    begin(url, folder)
    victim = DriverProcess(url, tmp_path / "runs", 12, "--hang-after", "3")
    number = victim.wait_for("hangs")
    with lock_study(folder, url) as drivers:
        store = store_of(url, folder, drivers)
        with store.exclusive():
            assert store.adopt() is None, "its driver lives"
        assert store.mine() == []
        assert [trial.number for trial in store.running()] == [number]
    victim.process.kill()
    victim.process.communicate(timeout=30)
    ended = [process.ended() for process in [DriverProcess(url, tmp_path / "runs", 12) for _ in range(2)]]
    assert sorted(ended[0] + ended[1]) == [n for n in range(12) if n == number or n > 3]
    record = _record(folder, url)
    _check_each_once(record, 12)
    assert [trial.attempts for trial in record.trials] == [1] * 12
    assert Counter(epoch.number for epoch in record.epochs) == dict.fromkeys(range(12), 1)


def test_each_sees_what_the_other_did_before_it(url: str, folder: RunFolder) -> None:
    begin(url, folder)
    with ExitStack() as stack:
        first, second = (
            store_of(url, folder, stack.enter_context(lock_study(folder, url))) for _ in range(2)
        )
        proposers = Proposer(first, SPACE), Proposer(second, SPACE)
        trial = next_trial(first, proposers[0], 9)
        assert trial is not None
        assert second.trials == {}
        other = next_trial(second, proposers[1], 9)
        assert other is not None
        assert (trial.number, other.number) == (0, 1)
        assert other.params != trial.params, "they do not draw the same"
        assert [own.number for own in second.mine()] == [1]
        first.note(0, row(1, 44.0))
        second.refresh()
        assert second.trials[0].rows[1]["val_accuracy"] == 44.0
        complete(first, trial)
        first.amend(0, {"latency_ms_quiet": 1.5})
        first.remember_probes({"abc": {"latency_ms": 2.0}})
        seen = second.n_changes
        second.refresh()
        assert second.n_changes > seen
        assert second.trials[0].state == "complete"
        assert second.trials[0].metrics == {**measured(trial), "latency_ms_quiet": 1.5}
        told = {name: trial.metrics[name] for name in ("train_memory_mib", "latency_ms", "n_parameters")}
        assert second.probed["abc"] == {"latency_ms": 2.0}
        assert second.probed[str(trial.probe_key)].items() >= told.items(), "what a trial was probed at"
        assert second.counts() == {"complete": 1, "running": 1}
        assert second.ended == [0]
        assert second.worst == first.worst
        with first.exclusive():
            assert first.adopt() is None


def test_what_a_driver_left_half_done_is_done_by_the_next_one(url: str, folder: RunFolder) -> None:
    begin(url, folder)
    with lock_study(folder, url) as drivers:
        store = store_of(url, folder, drivers)
        trial = next_trial(store, Proposer(store, SPACE), 9)
        assert trial is not None
        assert trial.optuna_trial is not None
        end = {"state": "complete", "reason": None, "metrics": measured(trial), "finished_at": None}
        trial.optuna_trial.set_user_attr("end", end)
        store.study.ask().suggest_int("T", 1, 8)  # and it died, twice
    with lock_study(folder, url) as drivers:
        store = store_of(url, folder, drivers)
        with store.exclusive():
            assert store.running() == []
        states = [trial.state.name for trial in store.study.get_trials(deepcopy=False)]
        assert states == ["COMPLETE", "FAIL"]


def test_a_driver_that_lost_its_connection_ends_and_records_nothing_more(url: str, folder: RunFolder) -> None:
    begin(url, folder)
    with lock_study(folder, url) as drivers:
        store = store_of(url, folder, drivers)
        trial = next_trial(store, Proposer(store, SPACE), 9)
        assert trial is not None
        with drivers_module.server_connection(url) as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            connection.exec_driver_sql(others)
        with pytest.raises(StudyFailedError, match=r"connection .* is lost .* free for others"):
            store.finish(0, Outcome("complete", None, measured(trial)))
        assert trial.state == "running"
        with pytest.raises(StudyFailedError, match="is lost"), store.exclusive():
            pass
        with lock_study(folder, url) as other:
            heir = store_of(url, folder, other)
            with heir.exclusive():
                adopted = heir.adopt()
            assert adopted is not None
            complete(heir, adopted)
        with pytest.raises(StudyFailedError, match="trial 0 was ended by another driver"):
            store.note(0, row(2))
    assert [trial.state for trial in _record(folder, url).trials] == ["complete"]


def test_an_exclusive_section_waits_for_the_other_but_not_for_ever(
    url: str, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(url, folder)
    monkeypatch.setattr(drivers_module, "EXCLUSIVE_TIMEOUT_S", 1)
    with lock_study(folder, url) as first, lock_study(folder, url) as second:
        order = []

        def wait() -> None:
            with second.exclusive():
                order.append("second")

        with first.exclusive():
            waiting = threading.Thread(target=wait)
            waiting.start()
            time.sleep(0.2)
            order.append("first")
        waiting.join(timeout=30)
        assert order == ["first", "second"]
        with (
            first.exclusive(),
            pytest.raises(StudyFailedError, match="held the study for 1 s"),
            second.exclusive(),
        ):
            pass


def test_a_study_is_begun_once(url: str, folder: RunFolder, tmp_path: Path) -> None:
    elsewhere = RunFolder.of(tmp_path / "elsewhere", "toy")
    with lock_study(folder, url) as first, lock_study(elsewhere, url) as second:
        attributes = StudyAttributes.of("toy", SPACE)
        require_new(elsewhere, url)
        create(folder, url, attributes, first)
        with pytest.raises(SearchError, match="'toy' was begun by another driver; join it with --resume"):
            create(elsewhere, url, attributes, second)


def test_the_first_drivers_make_the_tables_one_after_another(url: str, tmp_path: Path) -> None:
    from search.study.storage import open_url

    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            open_url(url)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_server_that_does_not_answer_is_a_user_error(folder: RunFolder) -> None:
    gone = "postgresql://me:secret@127.0.0.1:9/none"
    opened = pytest.raises(SearchError, match=r"--storage: .* cannot be opened: ")
    with opened as caught, lock_study(folder, gone):
        pass
    assert "secret" not in str(caught.value)
    assert not folder.path.exists()


def test_scratch_folders_of_dead_drivers_go(url: str, folder: RunFolder) -> None:
    with lock_study(folder, url) as first:
        folder.scratch(first.me).mkdir()
        folder.scratch(12345).mkdir()
        with lock_study(folder, url):
            assert [number for number, _ in folder.scratches()] == [first.me]


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts drivers; whatever of them still runs ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(space: Path, runs: Path, url: str, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.search.driver", "--space", str(space), "--out", str(runs)]
        process = subprocess.Popen(
            [*command, "--storage", url, *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _wait(process: subprocess.Popen[str], is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it did not get that far"
        time.sleep(0.2)


def _n(folder: RunFolder, url: str, *states: str) -> int:
    try:
        record = _record(folder, url)
    except SearchError:  # not begun, or no more than a name yet
        return 0
    return sum(trial.state in states for trial in record.trials)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whole_drivers_share_a_study_and_inherit_from_a_killed_one(
    url: str, tmp_path: Path, start: Start
) -> None:
    """Two drivers with a Ray each; one is killed with -9 in mid-training, a third joins in its folder."""
    n_trials = 14
    space, data = tmp_path / "toy.yaml", tmp_path / "data"
    text = SPACE_FILE.format(root=data).replace("trials: 6", f"trials: {n_trials}")
    space.write_text(text)
    shared, own = RunFolder.of(tmp_path / "runs", "toy"), RunFolder.of(tmp_path / "own", "toy")
    victim = start(space, tmp_path / "runs", url)
    _wait(victim, lambda: _n(shared, url, "running") > 0)
    other = start(space, tmp_path / "own", url, "--resume")
    _wait(other, lambda: _n(shared, url, "complete") >= 3)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate(timeout=60)
    third = start(space, tmp_path / "runs", url, "--resume")
    outputs = [process.communicate(timeout=300)[0] for process in (other, third)]
    assert (other.returncode, third.returncode) == (0, 0), outputs
    record = _record(shared, url)
    _check_each_once(record, n_trials)
    assert Counter(epoch.number for epoch in record.epochs) == dict.fromkeys(range(n_trials), 4)
    assert len(starts(data)) == sum(trial.attempts for trial in record.trials)
    assert record in [read_study(folder.path) for folder in (shared, own)], "the last to end wrote it whole"
    for folder in (shared, own):
        rebuild(folder.path, url)
        assert read_study(folder.path) == record
        assert folder.scratches() == [], "the third cleared away what the killed one left"
