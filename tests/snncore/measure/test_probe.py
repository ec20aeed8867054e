"""What is measured before training, against counts made by hand."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import snncore.measure.probe
import snncore.measure.timing
from snncore.config.load import make_config
from snncore.config.metrics import METRICS
from snncore.measure.memory import peak_growth_bytes, tensor_bytes
from snncore.measure.probe import PROBED, probe, quiet_probe
from snncore.measure.timing import Effort, ForeignLoad, Task, Timing, measure, measure_in_turns, timing_of
from snncore.network.network import build_network
from snncore.passes.passes import inference


def small(**fields: object) -> dict[str, float | bool]:
    return probe(make_config({"model": {"width": 0.25}, "optim": {"batch_size": 32}, **fields}), "cpu")


def test_a_probe_gives_every_metric_the_catalogue_promises() -> None:
    metrics = small()
    promised = {name for name, metric in METRICS.items() if metric.known == "probe"}
    assert set(metrics) == promised | {"latency_ms_q25", "latency_ms_q75", "latency_under_load"}
    assert metrics["latency_ms_q25"] <= metrics["latency_ms"] <= metrics["latency_ms_q75"]


SPREAD = {"latency_ms_q25", "latency_ms_q75", "latency_under_load"}


@pytest.mark.parametrize(
    "names", [{"macs"}, {"n_parameters", "train_memory_mib"}, {"infer_memory_mib"}, {"train_step_ms"}, set()]
)
def test_a_probe_gives_what_is_asked_for(names: set[str]) -> None:
    config = make_config({"model": {"width": 0.25}, "optim": {"batch_size": 32}})
    metrics, everything = probe(config, "cpu", names), small()
    assert set(metrics) == names
    exact = names - {"train_step_ms"}
    assert {name: metrics[name] for name in exact} == {name: everything[name] for name in exact}


def test_latency_comes_with_its_spread() -> None:
    assert set(probe(make_config({}), "cpu", ["latency_ms"])) == {"latency_ms"} | SPREAD


def test_only_what_is_timed_waits_for_other_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_lock() -> None:
        raise AssertionError("locked")

    monkeypatch.setattr(snncore.measure.probe, "alone_on_machine", no_lock)
    probe(make_config({}), "cpu", PROBED - {"latency_ms", "train_step_ms"})
    with pytest.raises(AssertionError, match="locked"):
        probe(make_config({}), "cpu", ["latency_ms"])


def test_a_name_no_probe_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no probe measures val_accuracy; allowed: infer_memory_mib, lat"):
        probe(make_config({}), "cpu", ["macs", "val_accuracy"])


def test_deployment_on_another_device_leaves_the_training_step_where_it_is() -> None:
    config = make_config({"model": {"width": 0.25}, "measure": {"device": "cpu"}})
    bench = snncore.measure.probe._Bench(config, "meta", trains=False)
    assert bench.network.body.classifier.weight.device.type == "meta"
    assert bench.deployed().device == "cpu"
    assert bench.network.body.classifier.weight.device.type == "meta"


@pytest.mark.alone
def test_a_quiet_probe_measures_longer_and_tells_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config({"model": {"width": 0.25}, "optim": {"batch_size": 32}})
    for name in ("_QUIET_LATENCY", "_QUIET_STEP"):
        longer = getattr(snncore.measure.probe, name)
        assert (
            longer.seconds_max >= 10 * getattr(snncore.measure.probe, name.replace("_QUIET", "")).seconds_max
        )
        assert longer.relative_error == 0.005
        monkeypatch.setattr(snncore.measure.probe, name, replace(longer, seconds_min=0.1, seconds_max=0.1))
    monkeypatch.setattr(ForeignLoad, "is_busy", lambda _: True)
    before = time.perf_counter()
    metrics = quiet_probe(config, "cpu")
    assert time.perf_counter() - before > 0.2
    quartiles = metrics["latency_ms_quiet_q25"], metrics["latency_ms_quiet"], metrics["latency_ms_quiet_q75"]
    assert quartiles == tuple(sorted(quartiles))
    assert metrics["train_step_ms_quiet"] > metrics["latency_ms_quiet"]
    assert metrics["latency_quiet_under_load"] is True
    assert len(metrics) == 5


def test_memory_is_the_same_number_on_every_run() -> None:
    memory = {small()["train_memory_mib"] for _ in range(3)}
    assert len(memory) == 1


def test_memory_under_bptt_grows_with_time_and_under_rate_far_less() -> None:
    rate = [small(T=T)["train_memory_mib"] for T in (1, 8)]
    bptt = [small(T=T, gradient="bptt")["train_memory_mib"] for T in (1, 8)]
    assert bptt[1] - bptt[0] > 2 * (rate[1] - rate[0])


def test_parameters_and_macs_are_those_of_the_deployed_network() -> None:
    metrics = small(T=3, distillation={"mode": "reliable", "branches": [1]})
    assert metrics["n_parameters"] == small(T=3)["n_parameters"]
    # width 0.25: 8-8-8 channels at 8×8, 16-16 at 4×4, 32-32 at 2×2, then 32 -> 10; 3×3 kernels
    stem = 64 * 8 * 9
    rest = 64 * 8 * 8 * 9 * 2 + 16 * (8 * 16 + 16 * 16) * 9 + 4 * (16 * 32 + 32 * 32) * 9 + 32 * 10
    assert metrics["macs"] == stem + 3 * rest


def test_event_frames_go_through_the_stem_at_every_step() -> None:
    metrics = small(T=3, data={"events": "saccades"})
    still = small(T=3)
    # 2 channels instead of 1, at each of 3 steps instead of once
    assert metrics["macs"] - still["macs"] == 64 * 8 * 9 * (3 * 2 - 1)
    assert metrics["n_parameters"] - still["n_parameters"] == 8 * 9
    assert metrics["train_memory_mib"] > still["train_memory_mib"]


def test_low_precision_is_probed_as_it_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[torch.dtype] = set()

    def watch(network: nn.Module, x: Tensor, T: int) -> Tensor:
        seen.add(nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)).dtype)
        return inference(network, x, T)

    monkeypatch.setattr(snncore.measure.probe, "inference", watch)
    small(precision="bf16")
    assert seen == {torch.bfloat16}


def test_a_probe_leaves_random_state_and_threads_as_they_were() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    small(measure={"threads": 2})
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_peak_growth_is_the_highest_sum_of_live_bytes() -> None:
    def function() -> None:
        a = torch.empty(1000, dtype=torch.float32)  # 4000
        b = torch.empty(500, dtype=torch.float32)  # 6000 alive
        del a
        torch.empty(100, dtype=torch.float32)  # 2400
        del b

    assert peak_growth_bytes(function, "cpu") == pytest.approx(6000, abs=128)


def test_a_storage_counts_once() -> None:
    tensor = torch.zeros(10)
    assert tensor_bytes([tensor, tensor[2:], tensor.view(2, 5)]) == 40


def test_timing_counts_calls_and_orders_quartiles() -> None:
    calls: list[int] = []
    effort = Effort(n_warmup=2, n_min=7, n_max=50, seconds_min=0.0, seconds_max=0.0)
    timing = measure(lambda: calls.append(1), "cpu", effort)
    assert (timing.n, len(calls)) == (7, 9)
    assert timing.q25_ms <= timing.median_ms <= timing.q75_ms


class Clock:
    """Time that passes only where it is told to; calls take the milliseconds of a list, over and over."""

    def __init__(self, *milliseconds: float) -> None:
        self.now, self._cycle = 0.0, cycle(milliseconds)

    def call(self) -> None:
        self.now += next(self._cycle) / 1000


@pytest.mark.parametrize(
    ("milliseconds", "n"),
    [
        ((1.0,), 50),  # steady: as soon as seconds_min are over; looked at when n - 11 is a multiple of 8
        ((10.0,), 11),  # never before n_min
        ((1.0, 1.2, 0.8), 100),  # noisy: to seconds_max
        ((1.0, 1.01, 0.99), 51),
        ((0.01,), 1000),  # n_max
    ],
)
def test_calls_go_on_until_the_median_is_known(
    milliseconds: tuple[float, ...], n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(*milliseconds)
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    timing = measure(clock.call, "cpu", Effort(n_warmup=0))
    assert timing.n == pytest.approx(n, abs=8)
    assert timing.median_ms == pytest.approx(milliseconds[0])


def test_tasks_take_turns_and_warm_up_before_each(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = Clock(8.0), []
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)

    def task(name: str, n_warmup: int, n: int) -> Task:
        def function() -> None:
            calls.append(name)
            clock.call()

        return Task(function, "cpu", Effort(n_warmup, n_min=n, n_max=n))

    first, second = measure_in_turns([task("a", 1, 6), task("b", 0, 10)])
    turn = 3  # calls of 8 ms, until 20 ms are over
    assert "".join(calls) == ("a" + "a" * turn + "b" * turn) * 2 + "b" * 4
    assert (first.n, second.n) == (6, 10)
    assert first.median_ms == pytest.approx(8.0)


def test_a_task_has_its_threads_only_in_its_turns() -> None:
    before = torch.get_num_threads()
    seen = []
    effort = Effort(0, n_min=2, n_max=2)
    tasks = [Task(lambda: seen.append(torch.get_num_threads()), "cpu", effort, n) for n in (before + 1, None)]
    measure_in_turns(tasks)
    assert seen == [before + 1] * 2 + [before] * 2
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("n_disturbed", "median_ms"), [(0, 1.0), (5, 1.0), (6, 9.0)])
def test_calls_that_lost_their_core_do_not_count_while_they_are_the_minority(
    n_disturbed: int, median_ms: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(*[9.0] * n_disturbed, *[1.0] * (10 - n_disturbed))
    switches = [0]

    def call() -> None:
        before = clock.now
        clock.call()
        switches[0] += clock.now - before > 0.005

    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(snncore.measure.timing, "_n_switches", lambda: switches[0])
    timing = measure(call, "cpu", Effort(0, n_min=10, n_max=10))
    assert timing.median_ms == pytest.approx(median_ms)
    assert timing.n == (10 - n_disturbed if n_disturbed <= 5 else 10)


def test_a_machine_that_slows_down_is_not_known_well() -> None:
    steady, drifting = [1.0, 1.02] * 50, [1.0, 1.02] * 25 + [1.5, 1.52] * 25
    assert timing_of(steady).drift == pytest.approx(0.0)
    assert timing_of(drifting).relative_error > 0.05
    assert timing_of([1.0, 1.5] * 50).drift == pytest.approx(0.0)
    assert timing_of(steady[:20]).drift == 0.0  # too few calls to see one


def test_the_drift_of_independent_calls_is_the_error_of_their_median() -> None:
    draws = np.random.default_rng(0).normal(10.0, 0.4, (2000, 100))
    told = [timing_of(row.tolist()).drift for row in draws]
    assert np.sqrt(np.mean(np.square(told))) == pytest.approx(np.std(np.median(draws, 1)) / 10, rel=0.1)


def test_own_work_is_no_foreign_load() -> None:
    load = ForeignLoad()
    x = torch.ones(300, 300)
    for _ in range(200):
        x = x @ torch.eye(300)
    assert load.busy_cores() < (os.cpu_count() or 1)


def test_the_error_of_a_median_is_what_repeated_medians_show() -> None:
    draws = np.random.default_rng(0).normal(10.0, 0.4, (2000, 100))
    q25, median, q75 = np.quantile(draws, [0.25, 0.5, 0.75], axis=1)
    told = [Timing(a, b, c, 100, False).relative_error for a, b, c in zip(q25, median, q75, strict=True)]
    assert np.mean(told) == pytest.approx(np.std(median) / 10.0, rel=0.05)


@pytest.mark.parametrize(
    ("foreign_s", "elapsed_s", "is_busy"),
    [(0.0, 0.1, False), (0.02, 0.1, False), (0.1, 0.1, True), (0.03, 0.2, False), (0.05, 0.2, True)],
)
def test_two_ticks_are_no_load(
    foreign_s: float, elapsed_s: float, is_busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = ForeignLoad()
    monkeypatch.setattr(load, "_busy_seconds", lambda: load._before + foreign_s)
    monkeypatch.setattr(time, "perf_counter", lambda: load._started + elapsed_s)
    monkeypatch.setattr(snncore.measure.timing, "_TICK_S", 0.01)
    assert load.is_busy() == is_busy


def test_branches_do_not_change_the_initial_weights_of_the_spiking_part() -> None:
    plain = build_network(make_config({})).state_dict()
    branched = build_network(
        make_config({"distillation": {"mode": "reliable", "branches": [1, 2, 3]}})
    ).state_dict()
    assert all(torch.equal(plain[name], branched[name]) for name in plain)
    assert len(branched) > len(plain)
