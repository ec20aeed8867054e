from __future__ import annotations

import pytest

from search.errors import SearchError
from search.resources import Node, Share, count_slots, decide_share

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
    ],
)
def test_slots(cpu: float, gpu: float, nodes: list[Node], slots: int) -> None:
    assert count_slots(Share(cpu, gpu), nodes) == slots


def test_a_request_larger_than_any_node_is_refused_with_their_sizes() -> None:
    with pytest.raises(SearchError, match=r"cpu 17, gpu 0 per trial is more than any node has") as caught:
        count_slots(Share(17, 0), [CPU, GPU])
    assert "a: cpu 2, gpu 0" in str(caught.value)
    assert "b: cpu 16, gpu 2" in str(caught.value)


def test_a_request_that_only_all_nodes_together_could_meet_is_refused() -> None:
    with pytest.raises(SearchError, match="more than any node has"):
        count_slots(Share(3, 0), [CPU, CPU])


def test_auto_takes_a_share_where_there_are_gpus() -> None:
    share = decide_share(1, "auto", [CPU, GPU])
    assert (share.gpu, share.device, share.note) == (0.25, "cuda", None)


def test_auto_falls_back_to_cpu_with_one_warning() -> None:
    share = decide_share(1, "auto", [CPU])
    assert (share.gpu, share.device) == (0.0, "cpu")
    assert share.note is not None
    assert "trials train on CPU" in share.note


def test_what_was_asked_for_is_not_changed() -> None:
    assert decide_share(2, 1, [CPU]) == Share(2, 1)
    assert decide_share(2, 0, [GPU]).note is None


@pytest.mark.parametrize(("cpu", "threads"), [(0.5, 1), (1, 1), (1.9, 1), (2, 2), (4, 4)])
def test_threads_are_whole_cores_and_at_least_one(cpu: float, threads: int) -> None:
    assert Share(cpu, 0).threads == threads
