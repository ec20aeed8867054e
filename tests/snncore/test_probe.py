"""What is measured before training, against counts made by hand."""

from __future__ import annotations

import os
import time
from itertools import cycle

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import snncore.probe
import snncore.timing
from snncore.config import make_config
from snncore.memory import peak_growth_bytes, tensor_bytes
from snncore.metrics import METRICS
from snncore.network import build_network
from snncore.passes import inference
from snncore.probe import probe
from snncore.timing import Effort, ForeignLoad, Timing, measure


def small(**fields: object) -> dict[str, float | bool]:
    return probe(make_config({"model": {"width": 0.25}, "optim": {"batch_size": 32}, **fields}), "cpu")


def test_a_probe_gives_every_metric_the_catalogue_promises() -> None:
    metrics = small()
    promised = {name for name, metric in METRICS.items() if metric.known == "probe"}
    assert set(metrics) == promised | {"latency_ms_q25", "latency_ms_q75", "latency_under_load"}
    assert metrics["latency_ms_q25"] <= metrics["latency_ms"] <= metrics["latency_ms_q75"]


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

    monkeypatch.setattr(snncore.probe, "inference", watch)
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
    monkeypatch.setattr(snncore.timing, "_TICK_S", 0.01)
    assert load.is_busy() == is_busy


def test_branches_do_not_change_the_initial_weights_of_the_spiking_part() -> None:
    plain = build_network(make_config({})).state_dict()
    branched = build_network(
        make_config({"distillation": {"mode": "reliable", "branches": [1, 2, 3]}})
    ).state_dict()
    assert all(torch.equal(plain[name], branched[name]) for name in plain)
    assert len(branched) > len(plain)
