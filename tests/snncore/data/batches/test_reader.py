"""Where bytes lie. "meta" stands for a device here: it has no values, but tensors move to it."""

from __future__ import annotations

import gc

import pytest
import torch

from snncore.data.batches import reader
from snncore.data.batches.reader import MemoryReader, make_reader
from snncore.data.split import Split
from tests.snncore.data.fixtures import random_images


def split(n: int = 20) -> Split:
    return Split(torch.from_numpy(random_images(n, 1, 8, 8)), torch.arange(n))


@pytest.fixture(autouse=True)
def _free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_free_bytes", lambda device: 20 * 64 * 10)


def resident(source: Split) -> bool:
    made = make_reader(source, "meta")
    assert isinstance(made, MemoryReader)
    return made.index_device.type == "meta"


def test_a_split_moves_where_it_takes_a_tenth_of_the_free_memory_or_less() -> None:
    assert resident(split(20))
    assert not resident(split(21))


def test_only_the_rows_of_a_view_count() -> None:
    view = split(100).view(torch.arange(20))
    made = make_reader(view, "meta")
    assert isinstance(made, MemoryReader)
    assert made.index_device.type == "meta"
    assert len(made.labels) == 20


def test_a_split_moves_once_and_leaves_with_its_original() -> None:
    source = split()
    one, other = (make_reader(source, "meta") for _ in range(2))
    assert isinstance(one, MemoryReader)
    assert isinstance(other, MemoryReader)
    assert one.split is other.split
    n_kept = len(reader._residents)
    del source
    gc.collect()
    assert len(reader._residents) == n_kept - 1


def test_on_the_cpu_nothing_is_copied() -> None:
    source = split()
    made = make_reader(source, "cpu")
    assert isinstance(made, MemoryReader)
    assert made.split is source
    images, labels = next(made.read([torch.tensor([3, 1])]))
    assert torch.equal(images, source.images[[3, 1]])
    assert labels.tolist() == [3, 1]
