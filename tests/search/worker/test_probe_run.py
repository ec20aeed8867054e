"""Workers that probe ahead or measure again, without Ray."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from search.config_key import resolve
from search.tune.trainable import run_of
from search.worker.jobs import ProbeJob, QuietJob
from spikefront.locks import holder
from tests.search.fakes import TRAINER, FakeTrainer, OutOfMemoryError, make_space


def _config(T: int) -> dict[str, Any]:
    return resolve(make_space(), {"T": T, "model.width": 1.0})[0]


def _probe(configs: Mapping[str, Any], seconds: float = 60.0) -> Mapping[str, Any]:
    report = run_of(ProbeJob(configs, ["latency_ms"], seconds, TRAINER)).step()
    assert (report.kind, report.state) == ("end", "complete")
    return report.metrics


def test_every_config_is_probed() -> None:
    metrics = _probe({"a": _config(1), "b": _config(3)})
    assert {key: values["train_memory_mib"] for key, values in metrics.items()} == {"a": 10.0, "b": 30.0}


def test_one_that_has_no_room_does_not_spoil_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = FakeTrainer.probe

    def narrow(self: FakeTrainer, config: Mapping[str, Any], names: Any) -> Mapping[str, Any]:
        if config["T"] == 3:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2 TiB")
        return probe(self, config)

    monkeypatch.setattr(FakeTrainer, "probe", narrow)
    metrics = _probe({"a": _config(3), "b": _config(1)})
    assert metrics.keys() == {"b"}, "others run beside a probing job: that there was no room tells nothing"
    assert metrics["b"]["train_memory_mib"] == 10.0


def test_a_fault_of_the_trainer_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: FakeTrainer, config: Mapping[str, Any], names: Any) -> Mapping[str, Any]:
        raise KeyError("broken")

    monkeypatch.setattr(FakeTrainer, "probe", fail)
    with pytest.raises(KeyError):
        _probe({"a": _config(1)})


def test_no_probe_begins_when_the_time_is_up_but_one_is_always_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 9.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    configs = {str(T): _config(T) for T in (1, 2, 3, 4)}
    assert list(_probe(configs, seconds=5.0)) == ["1", "2"]


def test_measuring_again(tmp_path: Path) -> None:
    report = run_of(QuietJob(_config(2), TRAINER)).step()
    assert (report.kind, dict(report.metrics)) == ("end", {"latency_ms_quiet": 3.8})


def test_measuring_again_is_alone_on_the_machine_from_before_the_trainer_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two drivers that end together would each measure how the other loads torch."""
    path = tmp_path / "alone.lock"
    monkeypatch.setattr("snncore.measure.alone.lock_file", lambda: path)
    held = []

    def load(name: str, device: str, threads: int) -> FakeTrainer:
        held.append(holder(path))
        return FakeTrainer(device, threads)

    monkeypatch.setattr("search.worker.probe_run.load_trainer", load)
    run_of(QuietJob(_config(2), TRAINER)).step()
    assert held == [os.getpid()]
    assert holder(path) is None
