"""On which GPUs the running trials are, to tell whether another could start: a share of a GPU is on one
GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.cluster.resources import Node
from search.worker.jobs import Allotment

_SLACK = 1e-9


@dataclass
class _Free:
    """What is left of a node; gpus: of each of its GPUs."""

    node: Node
    cpu: float
    gpus: list[float]

    def fits(self, allotment: Allotment) -> bool:
        if allotment.cpu > self.cpu + _SLACK:
            return False
        if allotment.gpu > 1:
            return sum(left > 1 - _SLACK for left in self.gpus) >= allotment.gpu
        return allotment.gpu == 0 or max(self.gpus, default=0.0) + _SLACK >= allotment.gpu

    def take(self, allotment: Allotment, sign: int, gpus: Sequence[int]) -> None:
        self.cpu -= sign * allotment.cpu
        for gpu in gpus:
            self.gpus[gpu] -= sign * min(1.0, allotment.gpu)

    def choose(self, allotment: Allotment) -> list[int]:
        """The GPUs for an allotment: as in Ray the fullest that have room; the emptiest where none has."""
        order = sorted(range(len(self.gpus)), key=lambda gpu: self.gpus[gpu])
        if allotment.gpu > 1:
            return order[-int(allotment.gpu) :]
        room = [gpu for gpu in order if self.gpus[gpu] + _SLACK >= allotment.gpu]
        return [] if allotment.gpu == 0 else (room or order[-1:])[:1]


@dataclass(frozen=True)
class _Place:
    allotment: Allotment
    at: int
    gpus: tuple[int, ...]


class Placement:
    """The trials in flight, each on one node and on GPUs of it, by their numbers.

    Ray does the placing, and reports only the node, once a trial has reported. Until then a trial is assumed
    to be where Ray would most likely put it: on the fullest GPU with room for it.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._free = [_Free(node, node.cpus, [1.0] * int(node.gpus + _SLACK)) for node in nodes]
        self._places: dict[int, _Place] = {}

    def has_room(self, allotment: Allotment) -> bool:
        """Whether one node has the cores left for an allotment, and one GPU its part."""
        return allotment.gpu == 0 or any(free.fits(allotment) for free in self._free)

    def put(self, number: int, allotment: Allotment, host: str | None = None) -> None:
        """Take in a trial. host: the name of the machine it runs on, where that is known."""
        self._remove(number)
        here = [at for at, free in enumerate(self._free) if host is not None and _is_of(free.node, host)]
        options = here or range(len(self._free))
        fitting = [at for at in options if self._free[at].fits(allotment)] or options
        at = min(fitting, key=lambda at: (max(self._free[at].gpus, default=0.0), self._free[at].cpu))
        gpus = tuple(self._free[at].choose(allotment))
        self._free[at].take(allotment, 1, gpus)
        self._places[number] = _Place(allotment, at, gpus)

    def update(self, hosts: Mapping[int, str | None]) -> None:
        """Keep these trials alone, and move those that run elsewhere than was thought."""
        for number in self._places.keys() - hosts.keys():
            self._remove(number)
        for number in self._places.keys() & hosts.keys():
            place, host = self._places[number], hosts[number]
            if host is not None and not _is_of(self._free[place.at].node, host):
                self.put(number, place.allotment, host)

    def _remove(self, number: int) -> None:
        place = self._places.pop(number, None)
        if place is not None:
            self._free[place.at].take(place.allotment, -1, place.gpus)


def _is_of(node: Node, host: str) -> bool:
    """Nodes are named by their machine, then its address."""
    return node.name.split(" (")[0] == host
