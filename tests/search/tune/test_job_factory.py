"""What workers are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.cluster.resources import AUTO_GPU_SHARE, Allotments, Node, gpu_share
from search.config_key import probe_key_of
from search.constraints import Bounds
from search.propose.probe_ahead import ProbeRequest
from search.propose.proposer import Proposer
from search.tune.trainable import JOB, TrialTrainable
from search.worker.jobs import Allotment, Report
from tests.search.fakes import TRAINER, Choice, FloatRange, Limit, make_space
from tests.search.stores import complete, job_factory, new_store, reopened


def test_a_trials_job_holds_what_a_worker_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    limits = {"train_memory_mib": Limit(max=100.0), "val_accuracy": Limit(min=50.0)}
    space = make_space(constraints=limits)
    store = new_store(space)
    trial = Proposer(store, space).next()
    assert trial is not None
    make = job_factory(store, space, tmp_path, Allotments(2, 0.5, ()))
    job = make.trial(trial)
    assert job.config["data"]["root"] == str(tmp_path / "data")
    assert trial.config["data"]["root"] == "data", "the record keeps what the user wrote"
    assert (job.epochs, job.allotment, job.trainer) == (3, Allotment(2, 0.5), TRAINER)
    assert job.checkpoints == str(tmp_path / "toy" / "checkpoints" / "trial-0000")
    assert job.limits == {"train_memory_mib": Bounds(max=100.0)}, "accuracy is not known before training"
    assert job.metrics is None
    store.note(0, Report("probe", metrics={"latency_ms": 1.0}))
    assert make.trial(trial).metrics == {"latency_ms": 1.0}


def _entry_and_key() -> tuple[Any, Any, Any, str]:
    only = {"T": Choice((2,)), "model.width": Choice((1.0,))}
    space = make_space(search={**only, "optim.lr": FloatRange(0.01, 0.1)})
    store = new_store(space)
    trial = Proposer(store, space).next()
    assert trial is not None
    return space, store, trial, probe_key_of(trial.config, trial.key)


def test_what_was_probed_is_not_probed_again() -> None:
    space, store, trial, key = _entry_and_key()
    store.remember_probes({key: {"latency_ms": 7.0}})
    job = job_factory(store, space).trial(trial)
    assert (job.metrics, job.probed) == (None, {"latency_ms": 7.0})


def test_what_one_trial_measured_another_that_costs_the_same_is_reported() -> None:
    space, store, first, key = _entry_and_key()
    store.note(first.number, Report("probe", metrics={"latency_ms": 7.0, "latency_ms_q25": 6.5}))
    second = Proposer(store, space).next()
    assert second is not None
    assert second.probe_key == key
    for each in (store, reopened(store)):
        told = job_factory(each, space).trial(each.trials[second.number])
        assert told.probed == {"latency_ms": 7.0, "latency_ms_q25": 6.5}
    complete(store, first)
    assert "val_accuracy" in store.trials[first.number].metrics
    assert "val_accuracy" not in job_factory(store, space).trial(second).probed, (
        "what training showed is its own"
    )


def test_what_older_studies_say_of_a_probe_that_ran_out_of_memory_is_no_metric() -> None:
    space, store, trial, key = _entry_and_key()
    store.remember_probes({key: {"infeasible": "out of memory"}})
    again = reopened(store)
    job = job_factory(again, space).trial(again.trials[trial.number])
    assert (job.metrics, job.probed) == (None, {})


def test_probing_and_quiet_jobs_have_absolute_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space, store, trial, key = _entry_and_key()
    probe = job_factory(store, space).probe(ProbeRequest({key: trial.config}, 3.0))
    assert (probe.seconds, probe.names) == (3.0, ["train_memory_mib", "latency_ms"])
    for config in (probe.configs[key], job_factory(store, space).quiet(trial).config):
        assert config["data"]["root"] == str(tmp_path / "data")


def test_the_share_of_a_gpu_follows_the_probed_memory() -> None:
    space, store, trial, key = _entry_and_key()
    make = job_factory(
        store, space, allotments=Allotments(1, "auto", (Node("a", 8, 2, gpu_memory_mib=4000.0),))
    )
    assert make.trial(trial).allotment == Allotment(1, AUTO_GPU_SHARE)
    store.remember_probes({key: {"train_memory_mib": 900.0}})
    job = make.trial(trial)
    assert job.allotment == Allotment(1, gpu_share(900.0, 4000.0))
    assert job.allotment.gpu > AUTO_GPU_SHARE
    request = TrialTrainable.default_resource_request({JOB: job})
    assert request.bundles == [{"CPU": 1.0, "GPU": job.allotment.gpu}]
