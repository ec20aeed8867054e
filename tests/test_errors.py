"""Errors cross processes, from a worker to the driver: each class of the rooms comes back as it was."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import reports
import search
import snncore
import spaces
import spikefront
import studies
from search.propose.config_to_params import OutsideError
from search.simulate.trainer import RecordedEndError
from snncore.data.files import DamagedFileError
from snncore.errors import ConfigError, DivergedError, Problem, SilentNetworkError
from snncore.training.divergence import NonFiniteLossError
from spaces.errors import Mistake, SpaceError
from spikefront.errors import FileMistakesError
from spikefront.files import WriteError

ROOMS = (reports, search, snncore, spaces, spikefront, studies)

MADE: dict[type[BaseException], BaseException] = {
    ConfigError: ConfigError([Problem("T", "got 0, allowed: 1 or more"), Problem("", "so not")], "a.yaml"),
    DamagedFileError: DamagedFileError(Path("a.npz"), "it is missing"),
    DivergedError: DivergedError(3, 7, float("inf")),
    FileMistakesError: FileMistakesError([Mistake("a", "is no number", 3)], "a.yaml"),
    NonFiniteLossError: NonFiniteLossError(float("inf"), 7),
    OutsideError: OutsideError({"T": 9, "model.width": 0.3}),
    RecordedEndError: RecordedEndError("diverged: as recorded"),
    SilentNetworkError: SilentNetworkError([1, 4], 2, "training samples"),
    SpaceError: SpaceError([Mistake("search.T", "is no range", 3)], "a.yaml"),
    WriteError: WriteError(28, "No space left on device", "a.parquet"),
}
"""Those whose constructor takes other than a message."""


def error_classes() -> list[type[BaseException]]:
    """Every exception class that a module of the five rooms defines."""
    found = {}
    for room in ROOMS:
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if module.name.endswith("__main__"):
                continue
            for value in vars(importlib.import_module(module.name)).values():
                if inspect.isclass(value) and issubclass(value, BaseException):
                    found[f"{value.__module__}.{value.__qualname__}"] = value
    rooms = {room.__name__ for room in ROOMS}
    return [found[name] for name in sorted(found) if name.partition(".")[0] in rooms]


def made(kind: type[BaseException]) -> BaseException:
    return MADE[kind] if kind in MADE else kind("first line\nsecond line")


def attributes(error: BaseException) -> dict[str, Any]:
    names = ("errno", "strerror", "filename")
    return {**vars(error), **{name: getattr(error, name) for name in names if hasattr(error, name)}}


def test_those_that_are_known_are_found() -> None:
    assert len(error_classes()) >= 20
    assert set(MADE) <= set(error_classes())
    for kind in set(error_classes()) - set(MADE):
        assert "__init__" not in vars(kind), f"{kind} has a constructor of its own: add it to MADE"


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__qualname__)
def test_every_error_survives_a_pickle(kind: type[BaseException]) -> None:
    error = made(kind)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert attributes(again) == attributes(error)


def test_the_rooms_are_all_looked_at() -> None:
    here = {path.parent.name for path in Path(search.__file__).parents[1].glob("*/__init__.py")}
    assert {room.__name__ for room in ROOMS} == here - {"tests", "benchmarks"}
