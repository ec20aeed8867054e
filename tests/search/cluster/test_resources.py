from __future__ import annotations

from dataclasses import replace

import pytest

from search.cluster.resources import (
    AUTO_GPU_SHARE,
    CUDA_CONTEXT_MIB,
    MEMORY_MARGIN,
    MIN_GPU_SHARE,
    Allotments,
    Node,
    count_slots,
    decide_allotment,
    gpu_share,
)
from search.errors import SearchError
from search.worker.jobs import Allotment

CPU = Node("a", 2.0, 0.0)
GPU = Node("b", 16.0, 2.0)


@pytest.mark.parametrize(
    ("cpu", "gpu", "nodes", "slots"),
    [
        (1, 0, [CPU], 2),
        (1, 0, [CPU, GPU], 18),
        (0.5, 0, [CPU], 4),
        (0.1, 0, [CPU], 20),
        (4, 0, [CPU, GPU], 4),
        (1, 0.25, [CPU, GPU], 8),
        (1, 2, [CPU, GPU], 1),
        (0, 1, [GPU], 2),
        (1, 0.4, [GPU], 4),
        (1, 0.6, [GPU], 2),
        (1, 0.3, [Node("c", 2.0, 8.0)], 2),
        (1, 1 / 3, [GPU], 6),
    ],
)
def test_slots(cpu: float, gpu: float, nodes: list[Node], slots: int) -> None:
    assert count_slots(Allotment(cpu, gpu), nodes) == slots


def test_nodes_of_several_models_are_refused_where_that_matters() -> None:
    old = replace(CPU, processor="Xeon 1")
    new = replace(GPU, processor="Xeon 2", gpu_models=("H100", "H200"))
    with pytest.raises(SearchError, match="latency_ms of unlike devices cannot be compared") as caught:
        Allotments(1, 0, (old, new)).require_one_model(["latency_ms"])
    assert "  a: Xeon 1\n  b: Xeon 2\n" in str(caught.value)
    with pytest.raises(SearchError, match="b: H100 and H200"):
        Allotments(1, "auto", (old, new)).require_one_model(["latency_ms"])
    Allotments(1, 0, (old, new)).require_one_model([])
    Allotments(8, 0, (old, new)).require_one_model(["latency_ms"])  # fits on one of them only
    Allotments(1, "auto", (old, replace(new, gpu_models=("H100",)))).require_one_model(["latency_ms"])
    Allotments(1, 0, (CPU, old)).require_one_model(["latency_ms"])  # of one nothing is known


def test_a_request_larger_than_any_node_is_refused_with_their_sizes() -> None:
    with pytest.raises(SearchError, match=r"cpu 17, gpu 0 per trial is more than any node has") as caught:
        count_slots(Allotment(17, 0), [CPU, GPU])
    assert "a: cpu 2, gpu 0" in str(caught.value)
    assert "b: cpu 16, gpu 2" in str(caught.value)


def test_a_request_that_only_all_nodes_together_could_meet_is_refused() -> None:
    with pytest.raises(SearchError, match="more than any node has"):
        count_slots(Allotment(3, 0), [CPU, CPU])


def test_auto_takes_a_share_where_there_are_gpus() -> None:
    allotment = decide_allotment(1, "auto", [CPU, GPU])
    assert (allotment.gpu, allotment.device, allotment.note) == (0.25, "cuda", None)


def test_auto_falls_back_to_cpu_with_one_warning() -> None:
    allotment = decide_allotment(1, "auto", [CPU])
    assert (allotment.gpu, allotment.device) == (0.0, "cpu")
    assert allotment.note is not None
    assert "trials train on CPU" in allotment.note


def test_what_was_asked_for_is_not_changed() -> None:
    assert decide_allotment(2, 1, [CPU]) == Allotment(2, 1)
    assert decide_allotment(2, 0, [GPU]).note is None


@pytest.mark.parametrize(("cpu", "threads"), [(0.5, 1), (1, 1), (1.9, 1), (2, 2), (4, 4)])
def test_threads_are_whole_cores_and_at_least_one(cpu: float, threads: int) -> None:
    assert Allotment(cpu, 0).threads == threads


def test_a_part_of_a_gpu_lies_on_one_gpu() -> None:
    assert count_slots(Allotment(0, 0.7), [Node("a", 1, 10)]) == 10, "not 14: no trial is on two of them"


def test_parts_of_more_than_one_gpu_are_refused() -> None:
    with pytest.raises(
        SearchError, match=r"resources.gpu: got 1.5, allowed: up to 1, or a whole number of GPUs"
    ):
        count_slots(Allotment(1, 1.5), [GPU])


@pytest.mark.parametrize("gpu_memory_mib", [8192.0, 24_564.0, 143_771.0])
@pytest.mark.parametrize("memory_mib", [1.0, 100.0, 700.0, 1536.0, 5000.0])
def test_trials_that_share_a_gpu_fit_into_its_memory(memory_mib: float, gpu_memory_mib: float) -> None:
    share = gpu_share(memory_mib, gpu_memory_mib)
    n_trials = count_slots(Allotment(0, share), [Node("a", 1, 1)])
    needed = memory_mib * MEMORY_MARGIN + CUDA_CONTEXT_MIB
    assert n_trials * needed <= gpu_memory_mib
    if share > MIN_GPU_SHARE:
        assert share < needed / gpu_memory_mib + 0.01 + 1e-9, "no more than it needs, to a hundredth"


def test_shares_by_hand() -> None:
    assert gpu_share(1024, 8192) == 0.22  # (1024 * 1.25 + 512) / 8192 = 0.21875
    assert gpu_share(1, 143_771) == MIN_GPU_SHARE
    assert gpu_share(1e9, 8192) == 1.0


@pytest.mark.parametrize(
    "memory", [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (float("inf"), 1.0), (1.0, 0.0)]
)
def test_no_memory_is_no_share(memory: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="must be more than zero"):
        gpu_share(*memory)


def test_auto_goes_by_memory_where_it_is_known_and_the_smallest_gpu_decides() -> None:
    small, large = Node("s", 8, 1, 8192.0), Node("l", 8, 1, 81_920.0)
    unknown = Node("u", 8, 1)
    assert decide_allotment(1, "auto", [small, large, CPU], 1024).gpu == 0.22
    assert decide_allotment(1, "auto", [large, CPU], 1024).gpu == MIN_GPU_SHARE
    assert decide_allotment(1, "auto", [small, unknown], 1024).gpu == AUTO_GPU_SHARE
    assert decide_allotment(1, "auto", [small]).gpu == AUTO_GPU_SHARE
    assert decide_allotment(1, 0.5, [small], 1024).gpu == 0.5
