"""What a new study takes from the record of an earlier one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import SearchError
from search.propose.proposer import Proposer
from search.propose.warm_start import WarmStart, warm_start
from search.study.attributes import StudyAttributes
from search.trials.outcome import Outcome
from search.trials.store import StoredTrial
from search.trials.to_record import study_record
from search.worker.jobs import Report
from snncore.config.metrics import METRICS
from spaces.options import Choice
from spaces.ranges import FloatRange, IntRange
from spaces.space import Limit, Objective, Space
from studies.model import Study
from studies.pareto import front, knee
from studies.portable import EVERYWHERE
from studies.record import KEY, TRIALS, write_study
from tests.search.fakes import make_space
from tests.search.stores import measured, new_store, row
from tests.studies.make import REPEATABLE

DEVICE = "cpu: fake"


def study_of(space: Space, n_trials: int = 12) -> Study:
    """A study in which every trial is complete, on DEVICE."""
    store = new_store(space)
    proposer = Proposer(store, space)
    for _ in range(n_trials):
        trial = proposer.next()
        assert trial is not None
        store.started(trial.number)
        store.note(trial.number, Report("probe", place={"device": DEVICE}))
        store.note(trial.number, row(1, accuracy=40.0))
        store.note(trial.number, row(2, accuracy=50.0))
        store.finish(trial.number, Outcome("complete", None, measured(trial)))
    return study_record(store.study, StudyAttributes.of("earlier", space))


def written(study: Study, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_study(study, folder)
    return folder


def start(study: Study, space: Space, folder: Path, device: str | None = DEVICE) -> WarmStart:
    return warm_start(written(study, folder), space, StudyAttributes.of(space.name, space).objectives, device)


@pytest.fixture(scope="module")
def earlier() -> Study:
    return study_of(make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)}))


def told(found: WarmStart) -> str:
    return "\n".join(found.notes)


def test_in_its_own_space_every_trial_is_learned_from(earlier: Study, tmp_path: Path) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    found = start(earlier, space, tmp_path)
    assert [prior.params for prior in found.priors] == [dict(trial.params) for trial in earlier.trials]
    for prior, trial in zip(found.priors, earlier.trials, strict=True):
        assert prior.config == trial.config
        assert prior.metrics == trial.metrics
    assert found.notes == [
        f"{tmp_path}: 12 of 12 trials complete; 12 to learn from, {len(found.queue)} to try first"
    ]


def test_the_front_is_tried_first_the_knee_before_all(earlier: Study, tmp_path: Path) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    found = start(earlier, space, tmp_path)
    best = knee(earlier)
    assert best is not None
    assert found.queue[0] == best.params
    assert sorted(found.queue, key=str) == sorted((dict(trial.params) for trial in front(earlier)), key=str)


def test_a_new_study_learns_the_same_trials_under_the_same_keys(earlier: Study, tmp_path: Path) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    found = start(earlier, space, tmp_path)
    store = new_store(space)
    proposer = Proposer(store, space)
    for params in found.queue:
        store.study.enqueue_trial(params)
    trials = [proposer.next() for _ in found.queue]
    assert all(isinstance(trial, StoredTrial) for trial in trials)
    keys = {prior.key for prior in found.priors}
    assert {trial.key for trial in trials if trial} <= keys
    assert [trial.params for trial in trials if trial] == found.queue


def test_trials_outside_are_left_out_and_the_reason_is_reported(earlier: Study, tmp_path: Path) -> None:
    narrow = make_space(search={"T": IntRange(1, 4), "optim.lr": FloatRange(0.01, 1.0, log=True)})
    found = start(earlier, narrow, tmp_path)
    outside = [trial.params["T"] for trial in earlier.trials if trial.params["T"] > 4]
    assert 0 < len(outside) < 12
    assert len(found.priors) == 12 - len(outside)
    assert all(params["T"] <= 4 for params in found.queue)
    assert found.notes[1].startswith("T ")
    assert found.notes[1].endswith(f"is outside {{int: [1, 4]}}: {len(outside)} trials")
    inside = replace(earlier, trials=tuple(trial for trial in earlier.trials if trial.params["T"] <= 4))
    assert sorted(found.queue, key=str) == sorted((dict(trial.params) for trial in front(inside)), key=str)


def test_one_value_outside_is_reported_as_it_is(tmp_path: Path) -> None:
    study = study_of(make_space(base={"optim.lr": 0.5}), 4)
    lower = make_space(search={"optim.lr": FloatRange(0.01, 0.1)})
    with pytest.raises(SearchError, match=r"(?s)nothing of .* can be used here.*optim\.lr 0\.5 is outside"):
        start(study, lower, tmp_path)


def test_what_was_fixed_there_is_searched_here(tmp_path: Path) -> None:
    study = study_of(make_space(base={"optim.lr": 0.5}))
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    found = start(study, space, tmp_path)
    assert len(found.priors) == 12
    assert {prior.params["optim.lr"] for prior in found.priors} == {0.5}


def test_what_was_searched_there_is_fixed_here(tmp_path: Path) -> None:
    study = study_of(make_space(search={"optim.momentum": Choice((0.0, 0.9))}))
    found = start(study, make_space(base={"optim.momentum": 0.9}), tmp_path)
    agree = [trial for trial in study.trials if trial.params["optim.momentum"] == 0.9]
    assert [prior.params["T"] for prior in found.priors] == [trial.params["T"] for trial in agree]
    assert all("optim.momentum" not in params for params in found.queue)
    assert (
        f"optim.momentum is 0.0 there and 0.9 here: {12 - len(agree)} trials give params, no values"
        in told(found)
    )
    assert len({json.dumps(params) for params in found.queue}) == len(found.queue)


def test_of_another_data_set_only_the_best_params_are_tried(earlier: Study, tmp_path: Path) -> None:
    space = make_space(
        base={"data.name": "fashion_mnist"}, search={"optim.lr": FloatRange(0.01, 1.0, log=True)}
    )
    found = start(earlier, space, tmp_path)
    assert found.priors == []
    assert len(found.queue) == len(front(earlier))
    assert found.notes[1:] == [
        "other data set (digits there, fashion_mnist here): "
        "the values are not used, its best params are tried first"
    ]


@pytest.mark.parametrize("device", [None, "cuda: fake"])
def test_from_another_device_only_what_holds_everywhere_is_taken(
    device: str | None, earlier: Study, tmp_path: Path
) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    found = start(earlier, space, tmp_path, device)
    assert len(found.priors) == 12
    for prior in found.priors:
        assert {"val_accuracy", "n_parameters"} <= set(prior.metrics) <= EVERYWHERE
        assert prior.on(DEVICE).metrics == prior.measured
        assert prior.on("another").metrics == prior.metrics
    here = "here it is cuda: fake" if device else "the device here is not known yet"
    assert f"measured on cpu: fake, {here}: memory and times are not used: 12 trials" in found.notes


def test_a_trial_without_a_device_holds_nowhere(earlier: Study, tmp_path: Path) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    nowhere = replace(earlier, trials=tuple(replace(trial, device=None) for trial in earlier.trials))
    found = start(nowhere, space, tmp_path, None)
    assert all(set(prior.metrics) <= EVERYWHERE for prior in found.priors)
    assert all(set(prior.on(None).metrics) <= EVERYWHERE for prior in found.priors)
    assert "measured on an unknown device" in told(found)


def test_what_depends_on_the_machine_is_decided_for_every_metric() -> None:
    of_machine = {"train_memory_mib", "infer_memory_mib", "latency_ms", "train_step_ms", "train_time_s"}
    assert set(METRICS) - EVERYWHERE == of_machine


def test_values_of_pixels_normalised_otherwise_are_not_learnt_from(tmp_path: Path) -> None:
    space = make_space(base={"data.name": "cifar10"})
    now = study_of(space)
    trials = [replace(trial, config=json.loads(json.dumps(trial.config))) for trial in now.trials]
    for trial in trials:
        del trial.config["data"]["cutout"]  # as an earlier version wrote it
    before = replace(now, trials=tuple(trials))
    assert len(start(now, space, tmp_path / "now").priors) == 12
    found = start(before, space, tmp_path / "before")
    assert found.priors == []
    assert found.queue
    assert 'normalisation is "of an earlier version" there' in told(found)


def test_limits_of_this_study_choose_the_front(earlier: Study, tmp_path: Path) -> None:
    searched = {"optim.lr": FloatRange(0.01, 1.0, log=True)}
    found = start(earlier, make_space(search=searched), tmp_path)
    limited = start(
        earlier, make_space(search=searched, constraints={"train_memory_mib": Limit(max=30)}), tmp_path
    )
    assert [params for params in found.queue if params["T"] > 3]
    assert limited.queue
    assert all(params["T"] <= 3 for params in limited.queue)
    assert len(limited.priors) == len(found.priors)  # what is too large teaches all the same


def test_other_objectives_rank_anew_by_what_was_measured(earlier: Study, tmp_path: Path) -> None:
    space = make_space(
        search={"optim.lr": FloatRange(0.01, 1.0, log=True)}, objectives={"latency_ms": Objective("maximize")}
    )
    (slowest,) = {params["T"] * params["model.width"] for params in start(earlier, space, tmp_path).queue}
    assert slowest == max(trial.params["T"] * trial.params["model.width"] for trial in earlier.trials)


def test_an_objective_nobody_measured_is_refused(earlier: Study, tmp_path: Path) -> None:
    space = make_space(objectives={"val_accuracy": Objective("maximize"), "macs": Objective("minimize")})
    with pytest.raises(
        SearchError, match=r"other objectives: no trial there has measured macs.*its own are val_a"
    ):
        start(earlier, space, tmp_path)


def changed(study: Study, number: int, **changes: Any) -> Study:
    trials = [replace(trial, **changes) if trial.number == number else trial for trial in study.trials]
    return replace(study, trials=tuple(trials))


def test_only_complete_trials_are_taken_and_no_retrainings(earlier: Study, tmp_path: Path) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    fewer = changed(earlier, 3, state="stopped", values={})
    fewer = changed(fewer, 5, replicate_of=1, seed=9)
    fewer = changed(fewer, 7, metrics={"val_accuracy": 90.0, "train_memory_mib": float("nan")})
    found = start(fewer, space, tmp_path)
    taken = [prior.params for prior in found.priors]
    assert taken == [dict(trial.params) for trial in earlier.trials if trial.number not in (3, 5, 7)]
    assert found.notes[0].startswith(f"{tmp_path}: 10 of 11 trials complete; 9 to learn from")


def test_a_config_this_trainer_refuses_is_reported(earlier: Study, tmp_path: Path) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    config: Mapping[str, Any] = {**earlier.trials[2].config, "flux": 3}
    found = start(changed(earlier, 2, config=config), space, tmp_path)
    assert len(found.priors) == 11
    assert "refused by the trainer, such as flux: unknown key" in told(found)
    assert told(found).endswith(": 1 trial")


def test_a_record_by_an_older_version_may_lack_fields(earlier: Study, tmp_path: Path) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    config = {name: value for name, value in earlier.trials[2].config.items() if name != "precision"}
    assert len(start(changed(earlier, 2, config=config), space, tmp_path).priors) == 12


def test_a_run_is_found_by_name(earlier: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = make_space(search={"optim.lr": FloatRange(0.01, 1.0, log=True)})
    objectives = StudyAttributes.of("new", space).objectives
    monkeypatch.chdir(tmp_path)
    written(earlier, tmp_path / "runs" / "first")
    assert len(warm_start("first", space, objectives, DEVICE).priors) == 12
    (tmp_path / "first").mkdir()  # something else of this name
    assert len(warm_start("first", space, objectives, DEVICE).priors) == 12
    written(earlier, tmp_path / "elsewhere" / "first")
    assert len(warm_start("first", space, objectives, DEVICE, out="elsewhere").priors) == 12
    with pytest.raises(
        SearchError, match=r"no run folder second, and none of this name in runs; there are first"
    ):
        warm_start("second", space, objectives)
    with pytest.raises(SearchError, match=r"there are no studies in nowhere"):
        warm_start("second", space, objectives, out="nowhere")


def test_what_cannot_be_read_is_reported_in_words(earlier: Study, tmp_path: Path) -> None:
    space = make_space()
    objectives = StudyAttributes.of("new", space).objectives
    with pytest.raises(
        SearchError, match=r"--warm-start: .*trials\.parquet: missing; `python -m search\.record"
    ):
        warm_start(tmp_path, space, objectives)
    folder = written(earlier, tmp_path)
    table = pq.read_table(folder / TRIALS)
    attributes = {**json.loads(table.schema.metadata[KEY]), "schema_version": 99}
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(attributes).encode()}), folder / TRIALS)
    with pytest.raises(SearchError, match=r"--warm-start: .*schema_version 99, this SpikeFront reads up to"):
        warm_start(tmp_path, space, objectives)
    with pytest.raises(SearchError, match=r"no trial is complete"):
        start(replace(earlier, trials=()), space, tmp_path)


@settings(REPEATABLE, max_examples=50)
@given(st.integers(1, 8), st.floats(0.02, 1.0), st.sampled_from([1.0, 2.0, None]), st.integers(0, 11))
def test_priors_and_queue_are_exactly_what_agrees(
    earlier: Study,
    tmp_path: Path,
    highest_T: int,
    highest_lr: float,
    width: float | None,
    fixed_lr_of: int,
) -> None:
    """width: the fixed one, or None where it is searched. fixed_lr_of: with T to 8, lr is that of a trial."""
    lr = None if highest_T < 8 else earlier.trials[fixed_lr_of].params["optim.lr"]
    space = make_space(base={} if lr is None else {"optim.lr": lr})
    search = {"T": IntRange(1, highest_T)}
    if lr is None:
        search["optim.lr"] = FloatRange(0.01, highest_lr, log=True)
    if width is None:
        search["model.width"] = Choice((1.0, 2.0))
    base = {**space.base, **({} if width is None else {"model": {"width": width}})}
    space = replace(space, base=base, search=search)
    inside = [
        trial
        for trial in earlier.trials
        if trial.params["T"] <= highest_T and (lr is not None or trial.params["optim.lr"] <= highest_lr)
    ]
    same = [
        trial
        for trial in inside
        if lr in (None, trial.params["optim.lr"]) and width in (None, trial.params["model.width"])
    ]
    if not inside:
        with pytest.raises(SearchError, match="nothing of"):
            start(earlier, space, tmp_path)
        return
    found = start(earlier, space, tmp_path)
    assert [prior.config for prior in found.priors] == [trial.config for trial in same]
    assert [space.resolve(prior.params)["T"] for prior in found.priors] == [t.params["T"] for t in same]
    best = front(replace(earlier, trials=tuple(inside)))
    wanted = [{name: trial.params[name] for name in search} for trial in best]
    assert {json.dumps(params) for params in found.queue} == {json.dumps(params) for params in wanted}
    assert len({json.dumps(params) for params in found.queue}) == len(found.queue)
