"""Replays of tables: slots, time, outcomes, the nearest config, and a trainer that replays in real trials."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.config_key import resolve
from search.errors import SearchError
from search.simulate import ColumnTable, InOrder, StudyTable, TableTrainer, simulate
from search.simulate.__main__ import main
from search.simulate.table import with_reference
from search.study.attributes import StudyAttributes
from search.trials.store import TrialStore
from search.worker.jobs import Job, Report
from search.worker.trainer import load_trainer
from search.worker.trial_run import TrialRun
from snncore.errors import ConfigError
from spaces.options import Choice
from spaces.space import Budget, Fidelity, Limit, Objective, SamplerChoice, Space
from studies.model import EpochRow, Study, Trial
from studies.pareto import hypervolume_curve
from studies.record import write_study
from tests.search.fakes import make_space

N_EPOCHS = 4


def columns(**changes: Any) -> ColumnTable:
    """Twelve rows; the second half is smaller and less accurate."""
    values: dict[str, Any] = {
        "params": {"x": list(range(12))},
        "metrics": {
            "val_accuracy": [float(90 - x) for x in range(12)],
            "n_parameters": [float(100 - x) for x in range(12)],
        },
        "known": ["n_parameters"],
    }
    return ColumnTable(**{**values, **changes})


def column_space(n_trials: int = 12, **changes: Any) -> Space:
    values: dict[str, Any] = {
        "name": "columns",
        "base": {},
        "search": {"x": Choice(tuple(range(12)))},
        "objectives": {"val_accuracy": Objective("maximize"), "n_parameters": Objective("minimize")},
        "budget": Budget(n_trials),
        "sampler": SamplerChoice("random", 0),
    }
    return Space(**{**values, **changes})


def recorded_study(**changes: Any) -> Study:
    """T 1 to 8 of width 1, each better and larger than the one before; T 8 is silent in the end."""
    space = make_space()
    trials, epochs = [], []
    for T in range(1, 9):
        params = {"T": T, "model.width": 1.0}
        config, _ = resolve(space, params)
        metrics = {
            "train_memory_mib": 10.0 * T,
            "latency_ms": 2.0 * T,
            "latency_ms_q25": 1.9 * T,
            "latency_ms_q75": 2.1 * T,
            "train_step_ms": 5.0,
        }
        is_silent = T == 8
        if not is_silent:
            metrics |= {"val_accuracy": 50.0 + 5 * T, "firing_rate": 0.1}
        trials.append(
            Trial(
                number=T - 1,
                state="infeasible" if is_silent else "complete",
                config=config,
                params=params,
                reason="silent: layer 2" if is_silent else None,
                metrics=metrics,
                epochs_trained=N_EPOCHS,
            )
        )
        for epoch in range(1, N_EPOCHS + 1):
            accuracy = (50.0 + 5 * T) * epoch / N_EPOCHS
            epochs.append(
                EpochRow(T - 1, epoch, 0.1, 1.0, 40.0, accuracy, float(T), 1.0, 0.0, (0.5,), (0.1,))
            )
    info = replace(StudyAttributes.of("toy", space).info(), **changes.pop("info", {}))
    return replace(Study(info, tuple(trials), tuple(epochs)), **changes)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_study(recorded_study(), tmp_path / "toy")
    return tmp_path / "toy"


# simulate


def test_slots_work_side_by_side() -> None:
    one, four = (simulate(column_space(), columns(train_s=3.0, probe_s=1.0), n) for n in (1, 4))
    assert [end.time_s for end in one.ends] == [4.0 * n for n in range(1, 13)]
    assert [end.time_s for end in four.ends] == [4.0] * 4 + [8.0] * 4 + [12.0] * 4


def test_a_slot_that_is_free_first_takes_the_next_trial() -> None:
    table = columns(train_s=[10.0] + [1.0] * 11)
    order = list(table.everything())
    ends = simulate(column_space(), table, 2, source=lambda store: InOrder(store, order)).ends
    assert [end.number for end in ends] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 10, 11]
    assert [end.time_s for end in ends[-3:]] == [10.0, 10.0, 11.0]


def test_every_trial_ends_with_its_metrics_and_a_simulated_time() -> None:
    study = simulate(column_space(), columns(), 3).study
    assert sorted(trial.params["x"] for trial in study.trials) == list(range(12))
    for trial in study.trials:
        assert trial.values == {
            "val_accuracy": 90.0 - trial.params["x"],
            "n_parameters": 100.0 - trial.params["x"],
        }
        assert trial.started_at is not None
        assert trial.finished_at is not None
        assert (trial.finished_at - trial.started_at).total_seconds() == 1.0
    assert study.info.finished_at == max(trial.finished_at for trial in study.trials if trial.finished_at)


def test_the_same_seed_gives_the_same_simulation() -> None:
    def params(seed: int) -> list[Any]:
        space = column_space(sampler=SamplerChoice("tpe", seed))
        return [trial.params for trial in simulate(space, columns(), 2).study.trials]

    assert params(3) == params(3)
    assert params(3) != params(4)


def test_a_space_used_up_ends_the_simulation() -> None:
    assert len(simulate(column_space(n_trials=50), columns(), 3).ends) == 12


def test_limits_on_what_is_probed_are_met_without_training() -> None:
    space = column_space(constraints={"n_parameters": Limit(max=95.0)})
    done = simulate(space, columns(train_s=100.0, probe_s=1.0), 1)
    states = {trial.params["x"]: trial.state for trial in done.study.trials}
    assert states == {x: "infeasible" if x < 5 else "complete" for x in range(12)}
    assert done.ends[-1].time_s == 5 * 1.0 + 7 * 101.0


def test_no_row_for_params_is_reported_like_a_config_that_cannot_be_trained() -> None:
    with pytest.raises(ConfigError, match="no row with"):
        columns().resolve(column_space(), {"x": 12})


def test_known_metrics_must_be_metrics() -> None:
    with pytest.raises(ValueError, match=r"known: got \['size'\], allowed: val_accuracy, n_parameters"):
        columns(known=["size"])


class WantsEverything:
    """A sampler that asks for the cost of rows, as `cheap_first` does."""

    def __init__(self, store: TrialStore) -> None:
        self._store, self._left, self.asked = store, list(range(12)), list[int | None]()
        import optuna

        class Sampler(optuna.samplers.RandomSampler):  # type: ignore[misc]
            wanted = self.wanted

        store.study.sampler = Sampler(seed=0)

    def wanted(self, n: int | None) -> list[dict[str, Any]]:
        self.asked.append(n)
        n = len(self._left) if n is None else n
        taken, self._left = self._left[:n], self._left[n:]
        return [{"x": x} for x in taken]


@pytest.mark.parametrize(
    ("probes", "asked", "n_probes"), [(2, {2}, 8), (float("inf"), {None}, 12), (0, set(), 0)]
)
def test_a_sampler_that_wants_to_know_is_reported_before_each_ask(
    probes: float, asked: set[int | None], n_probes: int
) -> None:
    table, wants = columns(probe_s=1.0, train_s=1.0), list[WantsEverything]()
    stores = list[TrialStore]()

    def source(store: TrialStore) -> InOrder:
        wants.append(WantsEverything(store))
        stores.append(store)
        return InOrder(store, table.everything())

    done = simulate(column_space(n_trials=4), table, 1, probes=probes, source=source)
    assert set(wants[0].asked) == asked
    assert done.n_probes == n_probes
    # Each costs a second, as does the probe of a trial and its training.
    assert done.ends[-1].time_s == n_probes + 4 * 2
    known = stores[0].probed
    assert sorted(metrics["n_parameters"] for metrics in known.values()) == [
        100.0 - x for x in reversed(range(n_probes))
    ]


# tables from studies


def test_epochs_are_replayed_with_their_times() -> None:
    study = recorded_study()
    table = StudyTable(study)
    space = replace(make_space(), budget=Budget(8))
    rows = list(table.everything())
    done = simulate(space, table, 1, source=lambda store: InOrder(store, rows))
    assert [end.epochs for end in done.ends] == [N_EPOCHS] * 8
    assert done.ends[-1].epochs_spent == 8 * N_EPOCHS
    assert done.ends[-1].time_s == pytest.approx(sum(4 * T + 0.3 for T in range(1, 9)))
    assert [trial.state for trial in done.study.trials] == ["complete"] * 7 + ["infeasible"]
    assert done.study.trials[-1].reason == "silent: layer 2"
    assert [row.number for row in done.study.epochs] == sorted(row.number for row in study.epochs)
    assert done.study.epochs == study.epochs


def test_fidelity_stops_trials_and_they_cost_what_they_trained() -> None:
    table = StudyTable(recorded_study())
    space = replace(
        make_space(),
        budget=Budget(8),
        fidelity=Fidelity(1, 2),
        objectives={"val_accuracy": Objective("maximize")},
    )
    best_first = sorted(table.everything(), key=lambda row: -row.config["T"])
    done = simulate(space, table, 1, source=lambda store: InOrder(store, best_first))
    stopped = [trial for trial in done.study.trials if trial.state == "stopped"]
    assert stopped
    assert all(trial.values == {"val_accuracy": None} for trial in stopped)
    assert done.ends[-1].epochs_spent == sum(trial.epochs_trained for trial in done.study.trials)
    assert done.ends[-1].epochs_spent < 8 * N_EPOCHS


@pytest.mark.parametrize(
    ("params", "T"),
    [({"T": 3, "model.width": 1.0}, 3), ({"T": 3, "model.width": 2.0}, 3), ({"T": 5, "model.width": 2.0}, 5)],
)
def test_the_nearest_config_answers(params: dict[str, Any], T: int) -> None:
    config, key = StudyTable(recorded_study()).resolve(make_space(), params)
    assert (config["T"], config["model"]["width"]) == (T, 1.0)
    assert key == StudyTable(recorded_study()).answer(config).key


def test_what_was_not_trained_to_its_end_answers_for_nothing() -> None:
    study = recorded_study()
    changed = [replace(trial, state="stopped") for trial in study.trials[:3]]
    limited = replace(study.trials[7], constraints={"train_memory_mib": 0.5})
    replicate = replace(study.trials[5], replicate_of=4)
    trials = (*changed, *study.trials[3:5], replicate, study.trials[6], limited)
    table = StudyTable(replace(study, trials=trials))
    assert [row.config["T"] for row in table.everything()] == [4, 5, 7]


def test_a_study_without_a_finished_trial_is_no_table() -> None:
    study = recorded_study()
    with pytest.raises(SearchError, match="'toy': no trial was trained to its end"):
        StudyTable(replace(study, trials=tuple(replace(trial, state="failed") for trial in study.trials)))


def test_only_what_a_probe_tells_is_known_before_training() -> None:
    row = next(iter(StudyTable(recorded_study()).everything()))
    assert set(row.probe) == {
        "train_memory_mib",
        "latency_ms",
        "latency_ms_q25",
        "latency_ms_q75",
        "train_step_ms",
    }


def test_references_come_from_the_whole_table_and_the_space_keeps_its_own() -> None:
    space = make_space(
        objectives={"val_accuracy": Objective("maximize"), "latency_ms": Objective("minimize", 99.0)}
    )
    objectives = with_reference(space, StudyTable(recorded_study())).objectives
    assert objectives["val_accuracy"].reference == pytest.approx(55.0 - 0.1 * 30.0)
    assert objectives["latency_ms"].reference == 99.0


def test_hypervolume_over_time_has_one_value_an_end() -> None:
    table = StudyTable(recorded_study())
    space = with_reference(replace(make_space(), budget=Budget(8)), table)
    done = simulate(space, table, 2, source=lambda store: InOrder(store, table.everything()))
    curve = hypervolume_curve(done.study)
    assert len(curve) == len(done.ends)
    assert curve == sorted(curve)
    assert curve[-1] > 0


# the trainer


def job(folder: Path, run: Path, T: int, options: str = "") -> Job:
    config, _ = resolve(make_space(base={"optim.epochs": N_EPOCHS}), {"T": T, "model.width": 1.0})
    name = f"search.simulate:TableTrainer@{run}{options}"
    return Job(1, config, N_EPOCHS, str(folder / f"trial-{T}"), trainer=name)


def reports(trial_run: TrialRun, n: int | None = None) -> list[Report]:
    told = list[Report]()
    while (n is None or len(told) < n) and not (told and told[-1].kind == "end"):
        told.append(trial_run.step())
    return told


def test_a_trial_replays_the_record(tmp_path: Path, run_folder: Path) -> None:
    probe, *epochs, end = reports(TrialRun(job(tmp_path, run_folder, 3)))
    assert probe.metrics["train_memory_mib"] == 30.0
    assert "val_accuracy" not in probe.metrics
    assert [row["val_accuracy"] for row in (report.row for report in epochs) if row] == [
        16.25,
        32.5,
        48.75,
        65.0,
    ]
    assert (end.state, end.metrics["val_accuracy"]) == ("complete", 65.0)


def test_a_recorded_end_without_success_is_replayed(tmp_path: Path, run_folder: Path) -> None:
    end = reports(TrialRun(job(tmp_path, run_folder, 8)))[-1]
    assert (end.state, end.reason) == ("infeasible", "silent: layer 2")


def test_a_trial_goes_on_from_its_checkpoint(
    tmp_path: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.worker.checkpoints.SECONDS_BETWEEN", 0.0)
    reports(TrialRun(job(tmp_path, run_folder, 3)), 4)  # probe, three epochs; the third is not saved yet
    rows = [report.row for report in reports(TrialRun(job(tmp_path, run_folder, 3))) if report.row]
    assert [row["epoch"] for row in rows] == [3, 4]


def test_a_checkpoint_of_another_config_is_refused(tmp_path: Path, run_folder: Path) -> None:
    trainer = TableTrainer("cpu", 1, str(run_folder))
    three, four = (trainer.session(job(tmp_path, run_folder, T).config) for T in (3, 4))
    three.run_epoch()
    three.save(tmp_path / "epoch-0001")
    with pytest.raises(ValueError, match="a checkpoint of another config"):
        four.restore(tmp_path / "epoch-0001")


def test_an_epoch_takes_the_time_asked_for(
    tmp_path: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = list[float]()
    monkeypatch.setattr("time.sleep", slept.append)
    reports(TrialRun(job(tmp_path, run_folder, 3, "?epoch_s=0.5&probe_s=0.25")))
    assert slept == [0.25] + [0.5] * N_EPOCHS


@pytest.mark.parametrize("options", ["?epochs=3", "?epoch_s=", "?epoch_s=-1", "?probe_s=soon"])
def test_other_options_are_refused(run_folder: Path, options: str) -> None:
    with pytest.raises(SearchError, match="allowed: epoch_s and probe_s, seconds of 0 or more"):
        load_trainer(f"search.simulate:TableTrainer@{run_folder}{options}", "cpu", 1)


def test_the_quiet_measurement_of_a_table_is_its_probe(tmp_path: Path, run_folder: Path) -> None:
    trainer = TableTrainer("cpu", 1, str(run_folder))
    assert trainer.measure_quietly(job(tmp_path, run_folder, 2).config) == {
        "latency_ms_quiet": 4.0,
        "latency_ms_quiet_q25": 3.8,
        "latency_ms_quiet_q75": 4.2,
        "train_step_ms_quiet": 5.0,
    }


def test_a_worker_that_replays_loads_neither_optuna_nor_torch(run_folder: Path) -> None:
    script = (
        "import sys\n"
        "from search.worker.trainer import load_trainer\n"
        f"load_trainer('search.simulate:TableTrainer@{run_folder}', 'cpu', 1)\n"
        "print([name for name in ('optuna', 'torch', 'ray', 'plotly') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# the command


def test_the_command_prints_hypervolume_against_trials_and_time(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--sampler", "tpe,random", "--slots", "2", "--seeds", "2", "--trials", "8"]
    assert main(["--study", str(run_folder), *options]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["sampler", "trials", "seconds", "epochs", "hypervolume", "sd"]
    assert [line.split()[:2] for line in lines] == [
        [name, n] for name in ("tpe", "random") for n in ("1", "2", "4", "6", "8")
    ]
    volumes = [float(line.split()[4]) for line in lines[:5]]
    assert volumes == sorted(volumes)
    assert volumes[-1] == 1.0, "eight of eight configs"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--study", "nowhere"], "nowhere: no such folder"),
        (["--study", "RUN", "--sampler", "magic"], "--sampler: got 'magic', allowed: auto"),
    ],
)
def test_the_command_refuses(
    options: list[str], message: str, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [str(run_folder) if option == "RUN" else option for option in options]
    assert main(options) == 2
    assert message in capsys.readouterr().err


def test_a_record_without_an_objective_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = recorded_study()
    lacking = [
        replace(trial, metrics={name: value for name, value in trial.metrics.items() if name != "latency_ms"})
        for trial in study.trials
    ]
    write_study(replace(study, trials=tuple(lacking)), tmp_path / "toy")
    assert main(["--study", str(tmp_path / "toy")]) == 2
    assert "complete trials without latency_ms" in capsys.readouterr().err


@pytest.mark.parametrize("probes", ["nan", "-1", "1.5", "-inf"])
def test_a_number_of_probes_that_is_none(probes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--study", "runs/toy", f"--probes={probes}"])
    assert "argument --probes: got " in capsys.readouterr().err
