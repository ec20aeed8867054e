"""Whole studies on Ray with the fake trainer, in this process."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from optuna.trial import TrialState

import reports.build
import search
from search.engine import run_search, run_study
from search.errors import SearchError, StudyFailedError
from search.options import RunOptions
from search.record import rebuild
from search.result import SearchResult
from search.study.opening import open_existing
from search.trials.store import QUEUED
from search.tune import phases as work
from spaces.condition import Condition
from spaces.space import Space
from studies.model import Study
from studies.pareto import front
from studies.record import read_study
from tests.search.fakes import (
    TRAINER,
    Budget,
    Choice,
    Fidelity,
    FloatRange,
    Limit,
    Objective,
    Resources,
    SamplerChoice,
    make_space,
    starts,
)
from tests.search.stores import earlier_run

pytestmark = pytest.mark.usefixtures("ray_session")


def _search(folder: Path, space: Space | None, **options: Any) -> SearchResult:
    values = {"out": str(folder / "runs"), "show": False, "trainer": TRAINER, **options}
    return run_search(space and one_at_a_time(space), RunOptions(**values))


def one_at_a_time(space: Space) -> Space:
    """A space whose trials get both CPUs unless it says otherwise: each worker takes seconds to start."""
    return replace(space, resources=Resources(2, 0)) if space.resources == Resources(1, 0) else space


def _states(result: SearchResult) -> Counter[str]:
    return Counter(trial.state for trial in result.study.trials)


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real report takes a second to write; tests/reports looks at it."""

    def build_report(study: Study, run_folder: Path) -> Path:
        path = run_folder / "report.html"
        path.write_text(study.info.name)
        return path

    monkeypatch.setattr(reports.build, "build_report", build_report)


def test_a_study_from_begin_to_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    space = make_space(tmp_path / "data")
    result = _search(tmp_path, space, show=True)
    assert (result.ending, result.problem) == ("budget", None)
    assert _states(result) == {"complete": 6}
    folder = tmp_path / "runs" / "toy"
    assert {path.name for path in folder.iterdir()} >= {
        "space.yaml", "journal.log", "trials.parquet", "epochs.parquet", "front", "checkpoints",
    }  # fmt: skip
    assert read_study(folder) == result.study
    for trial in result.study.trials:
        assert trial.epochs_trained == 3
        assert trial.metrics["train_memory_mib"] == 10.0 * trial.config["T"]
        assert (trial.attempts, trial.seed, trial.device) == (1, 0, "cpu: fake")
        assert trial.config["data"]["root"] == str(tmp_path / "data")
    assert len(result.study.epochs) == 18
    on_front = {trial.number for trial in front(result.study)}
    kept = {int(path.name.removeprefix("trial-")) for path in (folder / "checkpoints").iterdir()}
    assert kept == on_front
    info = result.study.info
    assert info.versions["ray"]
    assert info.machine["cores"] >= 1
    assert info.finished_at is not None
    shown, errors = capfd.readouterr()
    assert len([line for line in shown.splitlines() if " complete: val_accuracy " in line]) == 6
    assert errors == "", "Ray says nothing on the terminal"


@pytest.mark.parametrize("sampler", [pytest.param("random", marks=pytest.mark.slow), "cheap_first"])
def test_no_epoch_is_spent_on_what_breaks_a_limit_on_memory(tmp_path: Path, sampler: str) -> None:
    """Half of the space's configs exceed the limit; asserted from the Parquet files alone."""
    space = make_space(
        tmp_path / "data",
        search={"T": Choice((1, 2, 3, 4, 5, 6, 7, 8)), "optim.lr": FloatRange(0.01, 0.1)},
        constraints={"train_memory_mib": Limit(max=45.0)},
        sampler=SamplerChoice(sampler, 0),
        budget=Budget(24),
    )
    assert _search(tmp_path, space).ending == "budget"
    trials = pq.read_table(tmp_path / "runs" / "toy" / "trials.parquet").to_pylist()
    spent = Counter(pq.read_table(tmp_path / "runs" / "toy" / "epochs.parquet")["number"].to_pylist())
    over = {trial["number"] for trial in trials if trial["metric.train_memory_mib"] > 45.0}
    assert len(trials) == 24
    assert sum(spent[number] for number in over) == 0
    for trial in trials:
        is_over = trial["number"] in over
        assert trial["state"] == ("infeasible" if is_over else "complete")
        assert trial["epochs_trained"] == spent[trial["number"]] == (0 if is_over else 3)
        assert (trial["reason"] == f"train_memory_mib {trial['metric.train_memory_mib']:g} > 45") is is_over
    assert len(starts(tmp_path / "data")) == 24 - len(over), "no training was even begun"
    assert over if sampler == "random" else len(over) <= 8, "one by which each such T becomes known"


@pytest.mark.parametrize("momenta", [(0.8,), pytest.param((0.5, 0.6, 0.7, 0.8), marks=pytest.mark.slow)])
def test_every_kind_of_end_is_recorded_and_the_study_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, momenta: tuple[float, ...]
) -> None:
    monkeypatch.setattr(work, "MAX_RETRIES", 1)  # a fresh worker takes seconds to start
    space = make_space(
        tmp_path / "data",
        search={
            "T": Choice((1, 4)),
            "model.width": Choice((1.0,)),
            "optim.momentum": Choice((0.9, *momenta)),
            "optim.lr": Choice((0.1, 5), when={"optim.momentum": Condition((0.9,))}),
            "neuron.v_threshold": Choice((1.0, 100.0), when={"optim.momentum": Condition((0.9,))}),
        },
        constraints={"train_memory_mib": Limit(max=30.0)},
        sampler=SamplerChoice("grid", 0),
        budget=Budget(100),
    )
    result = _search(tmp_path, space)
    assert result.ending == "exhausted"
    assert result.note == "every config of the space has been tried"
    assert len(result.study.trials) == 2 * (4 + len(momenta))
    for trial in result.study.trials:
        state, reason, attempts, n_epochs = _expected(trial.config)
        assert (trial.state, trial.attempts, trial.epochs_trained) == (state, attempts, n_epochs)
        assert (trial.reason or "").startswith(reason)
        assert (trial.values["val_accuracy"] is None) == (state != "complete")
        assert trial.constraints == pytest.approx({"train_memory_mib": trial.config["T"] / 3.0 - 1.0})
    assert len(starts(tmp_path / "data")) == sum(
        trial.attempts for trial in result.study.trials if trial.config["T"] == 1
    )


def _expected(config: Any) -> tuple[str, str, int, int]:
    """State, how the reason begins, attempts and epochs of the fake trainer's end."""
    momentum = config["optim"]["momentum"]
    if config["T"] == 4:
        return "infeasible", "train_memory_mib 40 > 30", 1, 0
    if momentum == 0.7:
        return "infeasible", "out of memory: CUDA out of memory.", 2, 0
    if momentum == 0.5:
        return "failed", "KeyError: 'first line", 2, 1
    if momentum == 0.8:
        return "failed", "worker died: killed by a signal", 2, 0
    if momentum == 0.6:
        return "complete", "", 2, 3
    if config["optim"]["lr"] == 5:
        return "infeasible", "diverged: loss inf in epoch 2, step 3", 1, 1
    if config["neuron"]["v_threshold"] == 100:
        return "infeasible", "silent: no spikes in neuron layer 2", 1, 3
    return "complete", "", 1, 3


def test_early_stopping_stops_the_dominated_and_keeps_them_off_the_front(tmp_path: Path) -> None:
    space = make_space(
        tmp_path / "data",
        base={"optim.epochs": 4},
        fidelity=Fidelity(1, 2),
        budget=Budget(12),
        objectives={name: own for name, own in make_space().objectives.items() if name != "latency_ms"},
    )
    result = _search(tmp_path, space)
    stopped = [trial for trial in result.study.trials if trial.state == "stopped"]
    assert stopped
    assert _states(result)["complete"] >= 2
    for trial in stopped:
        assert trial.epochs_trained in (1, 2)
        assert (trial.reason or "").startswith("early stopping after epoch ")
        assert trial.values == {"val_accuracy": None, "train_memory_mib": None}
    assert not {trial.number for trial in stopped} & {trial.number for trial in front(result.study)}


@pytest.mark.slow
def test_early_stopping_is_off_where_an_objective_is_known_only_after_training(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    objectives = {"val_accuracy": Objective("maximize"), "train_time_s": Objective("minimize")}
    space = make_space(tmp_path / "data", objectives=objectives, fidelity=Fidelity(1, 2))
    assert _states(_search(tmp_path, space, show=True)) == {"complete": 6}
    told = capfd.readouterr().out
    assert told.count("early stopping is off: train_time_s is known only after training") == 1


@pytest.mark.slow
def test_a_storage_that_cannot_be_written_ends_the_study_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search.trials.store import TrialStore

    def full(self: TrialStore, number: int, report: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TrialStore, "note", full)
    with pytest.raises(StudyFailedError, match=r"cannot be written: .*No space left on device"):
        _search(tmp_path, make_space(tmp_path / "data"))


@pytest.mark.slow  # tests/search/study has a journal with half a record
def test_a_study_whose_disk_was_full_for_a_moment_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal takes half a record, and has room again at once, while trials are still ending."""
    from search.study import journal

    write, n_written = journal._write, itertools.count(1)

    def full_once(file: Any, content: bytes) -> None:
        if b"epoch-0002" not in content or next(n_written) != 2:
            return write(file, content)
        write(file, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "_write", full_once)
    space = make_space(tmp_path / "data")
    with pytest.raises(StudyFailedError, match=r"cannot be written: .*No space left on device"):
        _search(tmp_path, space)
    assert _states(_search(tmp_path, space, resume=True)) == {"complete": 6}


@pytest.mark.slow  # tests/search/tune/test_phases.py has it without Ray
def test_a_study_in_which_every_trial_fails_alike_ends_before_its_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "MAX_RETRIES", 0)
    space = make_space(tmp_path / "data", base={"optim.momentum": 0.5})
    with pytest.raises(StudyFailedError, match=r"5 trials in a row failed .*: KeyError: 'first line"):
        _search(tmp_path, replace(space, budget=Budget(16)))
    rebuild(tmp_path / "runs" / "toy")
    states = Counter(trial.state for trial in read_study(tmp_path / "runs" / "toy").trials)
    assert states["failed"] == 5
    assert states.total() <= 7, "at most two were still running"


@pytest.mark.slow  # tests/search/tune/test_out_of_memory.py has it without Ray
def test_first_trials_that_find_no_memory_are_tried_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "no_memory.txt").write_text("3")
    assert _states(_search(tmp_path, make_space(data))) == {"complete": 6}
    assert len(starts(data)) == 6 + 3


@pytest.mark.slow  # tests/search/tune/test_out_of_memory.py has it without Ray
def test_a_study_in_which_every_trial_runs_out_of_memory_fails_and_blames_no_config(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "no_memory.txt").write_text("1000")
    with pytest.raises(
        StudyFailedError, match=r"5 trials in a row ran out of memory.*continue with --resume"
    ):
        _search(tmp_path, make_space(data, budget=Budget(6)))
    rebuild(tmp_path / "runs" / "toy")
    record = read_study(tmp_path / "runs" / "toy")
    assert {trial.state for trial in record.trials} == {"running"}
    (data / "no_memory.txt").unlink()
    assert _states(_search(tmp_path, None, study="toy", resume=True)) == {"complete": 6}


def test_resources_no_node_has_are_refused_and_nothing_stays(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data", resources=Resources(64, 0))
    with pytest.raises(SearchError, match=r"cpu 64, gpu 0 per trial is more than any node has"):
        _search(tmp_path, space)
    assert not (tmp_path / "runs" / "toy").exists()


def test_a_finished_study_goes_on_with_a_larger_budget_from_its_storage_alone(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data", budget=Budget(3))
    first = _search(tmp_path, space)
    as_it_is = _search(tmp_path, space, resume=True)
    assert as_it_is.ending == "budget"
    assert as_it_is.study.trials == first.study.trials
    folder = tmp_path / "runs" / "toy"
    for name in ("trials.parquet", "epochs.parquet", "space.yaml"):
        (folder / name).unlink()
    again = _search(tmp_path, None, study="toy", resume=True, trials=5, seed=11)
    assert _states(again) == {"complete": 5}
    assert again.study.trials[:3] == first.study.trials
    assert again.study.info.space["budget"] == {"trials": 5}
    assert again.study.info.space["sampler"] == {"name": "random", "seed": 11}
    assert again.study.info.started_at == first.study.info.started_at
    assert "trials: 5" in (folder / "space.yaml").read_text()


@pytest.mark.slow
def test_whose_checkpoints_stay_is_remembered_until_another_is_said(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data", budget=Budget(3))

    def kept() -> int:
        return len(list((tmp_path / "runs" / "toy" / "checkpoints").iterdir()))

    first = _search(tmp_path, space, keep_checkpoints="all")
    assert (first.keep_checkpoints, kept()) == ("all", 3)
    again = _search(tmp_path, None, study="toy", resume=True)
    assert (again.keep_checkpoints, kept()) == ("all", 3)
    _search(tmp_path, None, study="toy", resume=True, keep_checkpoints="none")
    assert kept() == 0
    assert _search(tmp_path, None, study="toy", resume=True).keep_checkpoints == "none"


@pytest.mark.slow
def test_a_resume_may_change_sampler_and_resources_but_no_config(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data", budget=Budget(2))
    first = _search(tmp_path, space)
    other = replace(space, base={**space.base, "T": 3}, search={"model.width": space.search["model.width"]})
    with pytest.raises(SearchError, match=r"study 'toy' was begun with another space") as caught:
        _search(tmp_path, other, resume=True)
    assert "+   T: 3" in str(caught.value)
    same = replace(space, sampler=SamplerChoice("tpe", 9), resources=Resources(0.5, 0))
    assert _search(tmp_path, same, resume=True).study.trials == first.study.trials


@pytest.mark.slow
def test_a_time_budget_ends_a_study_in_mid_training(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data", base={"optim.batch_size": 20_000}, budget=Budget(4))
    result = _search(tmp_path, space, time_budget_s=4.0)
    assert result.ending == "time"
    assert 1 <= _states(result)["running"] <= 2
    assert set(_states(result)) == {"running"}
    assert read_study(result.folder.path) == result.study


@pytest.mark.parametrize(
    "phase",
    [
        pytest.param("search", marks=pytest.mark.slow),
        "replicates",
        pytest.param("quiet", marks=pytest.mark.slow),
    ],
)
def test_a_study_stopped_in_any_phase_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    """Ctrl-C when the first trial of the phase has an epoch behind it, or the first measurement begins."""
    monkeypatch.setattr("search.tune.callbacks.TuneCallback.on_step_end", _interrupting(phase))
    space = make_space(tmp_path / "data", base={"optim.batch_size": 100}, budget=Budget(3), replicates=1)
    stopped = _search(tmp_path, space)
    monkeypatch.undo()
    assert stopped.ending == "interrupted"
    assert (phase == "quiet") != (_states(stopped)["running"] > 0)
    before = {trial.number: trial for trial in stopped.study.trials if trial.state == "complete"}
    again = _search(tmp_path, None, study="toy", resume=True)
    assert (again.ending, set(_states(again))) == ("budget", {"complete"})
    for number, trial in before.items():
        now = again.study.trials[number]
        assert (now.values, now.attempts, now.config) == (trial.values, trial.attempts, trial.config)
    searched = [trial for trial in again.study.trials if trial.replicate_of is None]
    on_front = {trial.number for trial in front(again.study)}
    assert len(searched) == 3
    assert sorted(t.replicate_of for t in again.study.trials if t.replicate_of is not None) == sorted(
        on_front
    )
    measured = {trial.number for trial in again.study.trials if "latency_ms_quiet" in trial.metrics}
    assert measured == on_front
    assert _search(tmp_path, None, study="toy", resume=True).study.trials == again.study.trials


def _interrupting(phase: str) -> Any:
    """A step of Ray Tune's loop after which the wish to stop is there, once the phase is on."""
    from search.tune.callbacks import TuneCallback
    from search.tune.tasks import QuietTask, TrialTask

    step = TuneCallback.on_step_end

    def is_on(task: Any) -> bool:
        if isinstance(task, QuietTask):
            return phase == "quiet"
        if not isinstance(task, TrialTask) or not task._trial.rows:
            return False
        wanted = phase == "replicates"
        return phase != "quiet" and (task._trial.replicate_of is not None) == wanted

    def interrupting(self: TuneCallback, iteration: int, trials: list[Any], **info: Any) -> None:
        if any(is_on(task) for task in self._tasks.values()):
            self._stop.interrupted = True
        step(self, iteration, trials, **info)

    return interrupting


def test_a_wrong_earlier_study_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data")
    with pytest.raises(SearchError, match=r"--warm-start: no run folder nowhere"):
        _search(tmp_path, space, warm_start=("nowhere",))
    assert not (tmp_path / "runs" / "toy").exists()


@pytest.mark.parametrize("is_resume", [False, True])
def test_what_broke_a_limit_on_this_device_is_not_tried_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_resume: bool
) -> None:
    space = make_space(tmp_path / "data", budget=Budget(16))
    earlier_run(tmp_path / "other", space, 12)
    limited = replace(space, constraints={"train_memory_mib": Limit(max=45.0)})
    if is_resume:
        _search(tmp_path, replace(limited, budget=Budget(1)))
    monkeypatch.setattr("search.tune.loop.search", lambda *arguments: ("budget", None))
    result = _search(tmp_path, limited, warm_start=(str(tmp_path / "other"),), resume=is_resume)
    study, _ = open_existing(result.folder)
    queued = [trial.system_attrs[QUEUED]["T"] for trial in study.get_trials(states=[TrialState.WAITING])]
    assert queued
    assert max(queued) <= 4


def test_a_space_its_sampler_cannot_take_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    space = make_space(
        tmp_path / "data", search={"optim.lr": FloatRange(0.01, 0.1)}, sampler=SamplerChoice("grid", 0)
    )
    with pytest.raises(SearchError, match=r"grid needs a small finite space"):
        _search(tmp_path, space)
    assert not (tmp_path / "runs" / "toy").exists()


def test_a_resume_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data", budget=Budget(1))
    first = _search(tmp_path, space)
    other = replace(space, resources=Resources(64, 0), budget=Budget(5))
    journal = (first.folder.path / "journal.log").read_bytes()
    with pytest.raises(SearchError, match=r"cpu 64, gpu 0 per trial is more than any node has"):
        _search(tmp_path, other, resume=True)
    assert (first.folder.path / "journal.log").read_bytes() == journal
    assert "trials: 1" in (first.folder.path / "space.yaml").read_text()


def test_a_database_holds_a_study_like_a_journal(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    space = make_space(tmp_path / "data", budget=Budget(2))
    first = _search(tmp_path, space, storage=url)
    assert not (first.folder.path / "journal.log").exists()
    with pytest.raises(SearchError, match="study 'toy' exists"):
        _search(tmp_path, space, storage=url)
    again = _search(tmp_path, None, study="toy", resume=True)  # the folder names the database
    assert again.study.trials == first.study.trials
    (first.folder.path / "trials.parquet").unlink()
    rebuild(first.folder.path)
    assert read_study(first.folder.path) == again.study


def test_run_study_is_the_python_door(tmp_path: Path) -> None:
    space = make_space(tmp_path / "data", budget=Budget(1))
    options = RunOptions(out=str(tmp_path / "runs"), show=False, trainer=TRAINER, keep_checkpoints="none")
    assert search.run_study is run_study
    assert len(search.run_study(space, options).trials) == 1
    assert list((tmp_path / "runs" / "toy" / "checkpoints").iterdir()) == []
