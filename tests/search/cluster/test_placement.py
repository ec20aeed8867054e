"""Whether a share of a GPU has room: on one GPU, not on the sum of what is left of several."""

from __future__ import annotations

import pytest

from search.cluster.placement import Placement
from search.cluster.resources import Node
from search.worker.jobs import Allotment


def _two() -> Placement:
    return Placement([Node("a (10.0.0.1)", 8, 1), Node("b (10.0.0.2)", 8, 1)])


def test_what_is_left_of_two_gpus_is_no_room_on_either() -> None:
    placement = _two()
    placement.put(0, Allotment(1, 0.6))
    assert placement.has_room(Allotment(1, 0.6))
    placement.put(1, Allotment(1, 0.6))
    assert not placement.has_room(Allotment(1, 0.6)), "0.4 + 0.4"
    assert placement.has_room(Allotment(1, 0.4))
    placement.update({1: None})
    assert placement.has_room(Allotment(1, 0.6))


def test_two_gpus_of_one_node_are_two_as_well() -> None:
    placement = Placement([Node("a", 8, 2)])
    placement.put(0, Allotment(1, 0.6))
    placement.put(1, Allotment(1, 0.6))
    assert not placement.has_room(Allotment(1, 0.6))
    assert not placement.has_room(Allotment(1, 1))
    assert placement.has_room(Allotment(1, 0.4))


def test_shares_fill_one_gpu_before_the_next() -> None:
    placement = Placement([Node("a", 8, 2)])
    for number in range(4):
        placement.put(number, Allotment(1, 0.25))
    assert placement.has_room(Allotment(1, 1))
    placement.put(4, Allotment(1, 0.25))
    assert not placement.has_room(Allotment(1, 1))


def test_whole_gpus_lie_on_one_node() -> None:
    placement = Placement([Node("a", 8, 2), Node("b", 8, 2)])
    placement.put(0, Allotment(1, 0.1))
    assert placement.has_room(Allotment(1, 2))
    placement.put(1, Allotment(1, 2))
    assert not placement.has_room(Allotment(1, 2)), "one and two halves are left"
    assert placement.has_room(Allotment(1, 1))


def test_cores_and_gpu_are_of_one_node() -> None:
    placement = Placement([Node("a (10.0.0.1)", 1, 1), Node("b (10.0.0.2)", 8, 0)])
    placement.put(0, Allotment(1, 0.25))
    assert not placement.has_room(Allotment(1, 0.25)), "b has the cores, a the GPU"


def test_a_trial_lies_where_it_says_it_does() -> None:
    placement = _two()
    placement.put(0, Allotment(1, 0.6))
    placement.put(1, Allotment(1, 0.4))  # thought to lie beside the first
    assert placement.has_room(Allotment(1, 1))
    placement.update({0: "a", 1: "b"})
    assert not placement.has_room(Allotment(1, 1))
    assert placement.has_room(Allotment(1, 0.6))


def test_one_that_nothing_has_room_for_is_taken_in_all_the_same() -> None:
    placement = Placement([Node("a", 1, 1)])
    placement.put(0, Allotment(1, 0.75))
    placement.put(1, Allotment(1, 0.75))
    assert not placement.has_room(Allotment(1, 0.1))
    placement.update({0: "elsewhere"})
    assert not placement.has_room(Allotment(0, 0.75))
    placement.update({})
    assert placement.has_room(Allotment(1, 1))


@pytest.mark.parametrize("cpu", [1, 99])
def test_who_needs_no_gpu_is_not_held_up_here(cpu: float) -> None:
    assert Placement([Node("a", 1, 0)]).has_room(Allotment(cpu, 0))
