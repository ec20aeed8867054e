from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.data.batches.batches import Batch, BatchSource, eval_batches, training_batches
from snncore.data.batches.normalisation import COUNTS, Normalisation
from snncore.data.load import DataSet
from snncore.data.specs import DataSpec
from snncore.data.split import MemorySplit, Split
from snncore.errors import UserError
from tests.snncore.data.fixtures import random_images

NORMALISATION = Normalisation((0.5,), (0.25,))


def numbered(n: int) -> Split:
    """A split in which image i is filled with i, and has label i."""
    numbers = torch.arange(n)
    return Split(numbers.to(torch.uint8).view(n, 1, 1, 1).expand(n, 1, 8, 8).contiguous(), numbers)


def data_set(split: MemorySplit, normalisation: Normalisation = NORMALISATION) -> DataSet:
    *_, C, H, W = split.images.shape
    spec = DataSpec(10, C, H, W, len(split), 0, has_time=split.images.dim() == 5)
    return DataSet(spec, split, split.subset(torch.arange(0)), normalisation, lambda: split)


def config(batch_size: int, augment: str = "none", seed: int = 0, **data: Any) -> Config:
    return make_config(
        {"data": {"augment": augment, **data}, "optim": {"batch_size": batch_size}, "seed": seed}
    )


def make(
    n: int, batch_size: int, augment: str = "none", seed: int = 0, rank: int = 0, world_size: int = 1
) -> BatchSource:
    data = data_set(numbered(n))
    return training_batches(data, config(batch_size, augment, seed), "cpu", rank, world_size)


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left, right, strict=True)
    )


def test_an_epoch_holds_every_image_once_with_its_label() -> None:
    batches = list(make(50, 16).epoch(1))
    assert [len(y) for _, y in batches] == [16, 16, 16, 2]
    labels = torch.cat([y for _, y in batches])
    assert sorted(labels.tolist()) == list(range(50))
    assert labels.tolist() != list(range(50))
    for x, y in batches:
        assert x.dtype == torch.float32
        assert x.shape == (len(y), 1, 8, 8)
        torch.testing.assert_close(x[:, 0, 0, 0], (y / 255 - 0.5) / 0.25)


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [
        (33, 16, [16, 16]),  # a lone image is left out
        (34, 16, [16, 16, 2]),
        (32, 16, [16, 16]),
        (1, 16, [1]),  # unless it is all there is
        (3, 1, [1, 1, 1]),  # or single images were asked for
        (10, 64, [10]),
        (0, 4, []),
    ],
)
def test_sizes_of_batches(n: int, batch_size: int, sizes: list[int]) -> None:
    batches = make(n, batch_size)
    assert [len(y) for _, y in batches.epoch(1)] == sizes
    assert len(batches) == len(sizes)


@pytest.mark.parametrize("augment", ["none", "crop_flip", "fast"])
def test_an_epoch_is_a_function_of_seed_and_number(augment: str) -> None:
    batches = make(40, 16, augment)
    second = list(batches.epoch(2))
    assert same(second, list(batches.epoch(2)))
    assert same(second, list(make(40, 16, augment).epoch(2)))
    assert not same(second, list(batches.epoch(3)))
    assert not same(second, list(make(40, 16, augment, seed=1).epoch(2)))


def test_order_and_augmentation_change_from_epoch_to_epoch() -> None:
    batches = make(50, 50, "crop_flip")
    (x, y), (other_x, other_y) = next(batches.epoch(1)), next(batches.epoch(2))
    assert y.tolist() != other_y.tolist()
    assert not torch.equal(x[y.argsort()], other_x[other_y.argsort()])


def test_the_order_never_changes() -> None:
    # Worked out once: with another order, a resumed training would not be the one that was interrupted.
    assert make(12, 12, seed=3).order.batches(5)[0].tolist() == [7, 10, 0, 1, 3, 6, 4, 5, 8, 11, 9, 2]


@pytest.mark.parametrize(("n", "world_size", "sizes"), [(50, 2, [16, 16, 16, 2]), (50, 3, [16, 16, 16])])
def test_ranks_together_have_the_batches_of_one_process(n: int, world_size: int, sizes: list[int]) -> None:
    whole = list(make(n, 16).epoch(4))[: len(sizes)]
    shares = [list(make(n, 16, rank=rank, world_size=world_size).epoch(4)) for rank in range(world_size)]
    assert [len(make(n, 16, rank=rank, world_size=world_size)) for rank in range(world_size)] == [
        len(sizes)
    ] * world_size
    assert [len(y) for _, y in whole] == sizes
    for number, (x, y) in enumerate(whole):
        for rank in range(world_size):
            rank_x, rank_y = shares[rank][number]
            assert torch.equal(rank_x, x[rank::world_size])
            assert torch.equal(rank_y, y[rank::world_size])


def test_a_short_last_batch_is_left_out_where_a_process_would_have_none() -> None:
    assert [len(make(n, 8, world_size=4)) for n in (16, 17, 19, 20)] == [2, 2, 2, 3]


@pytest.mark.parametrize(
    ("n", "batch_size", "field"), [(50, 2, r"optim\.batch_size"), (2, 16, r"data\.train_limit")]
)
def test_too_few_samples_for_so_many_processes(n: int, batch_size: int, field: str) -> None:
    with pytest.raises(UserError, match=rf"{field}: a batch of 2 samples cannot be shared by 4 processes"):
        make(n, batch_size, world_size=4)


def test_ranks_augment_differently() -> None:
    split = Split(
        torch.from_numpy(random_images(1, 1, 8, 8)).expand(8, 1, 8, 8).contiguous(), torch.zeros(8).long()
    )
    shares = [
        next(training_batches(data_set(split), config(8, "fast"), "cpu", rank, 2).epoch(1))[0]
        for rank in (0, 1)
    ]
    assert not torch.equal(*shares)


def test_augmenting_leaves_the_split_as_it_is() -> None:
    data = data_set(numbered(20))
    x, y = next(training_batches(data, config(20, "crop_flip"), "cpu").epoch(1))
    torch.testing.assert_close(x[:, 0, 4, 4], (y / 255 - 0.5) / 0.25)  # the middle is never cut off
    assert (x[:, 0, 0] == -2).any()  # black came in
    assert torch.equal(data.train.images, numbered(20).images)


def test_batches_leave_the_random_state_of_torch_alone() -> None:
    before = torch.get_rng_state()
    list(make(20, 8, "fast").epoch(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16])
def test_event_frames_come_time_first_and_as_counts(dtype: torch.dtype) -> None:
    frames = torch.from_numpy(random_images(6, 3, 2, 8, 8)).to(dtype) * (1 if dtype == torch.uint8 else 100)
    split = Split(frames, torch.arange(6)).view(torch.tensor([5, 0, 2, 3]))
    data = data_set(split, COUNTS)
    for batches in (
        training_batches(data, config(3), "cpu").epoch(1),
        eval_batches(split, 3, COUNTS),
    ):
        found = list(batches)
        x = torch.cat([x for x, _ in found], 1)
        labels = torch.cat([y for _, y in found])
        assert x.is_contiguous()
        assert torch.equal(x, frames[labels].transpose(0, 1).float())
    assert labels.tolist() == [5, 0, 2, 3]


@pytest.mark.parametrize(("n", "sizes"), [(33, [16, 16, 1]), (16, [16]), (1, [1]), (0, [])])
def test_evaluation_is_in_order_and_complete(n: int, sizes: list[int]) -> None:
    batches = list(eval_batches(numbered(n), 16, NORMALISATION))
    assert [len(y) for _, y in batches] == sizes
    assert [label for _, y in batches for label in y.tolist()] == list(range(n))
    for x, y in batches:
        torch.testing.assert_close(x[:, 0, 0, 0], (y / 255 - 0.5) / 0.25)


@pytest.mark.parametrize("n", [0, 1, 2, 10])
def test_ranks_share_an_evaluation(n: int) -> None:
    def labels(batches: Iterator[Batch]) -> list[int]:
        return [label for _, y in batches for label in y.tolist()]

    shares = [labels(eval_batches(numbered(n), 2, NORMALISATION, "cpu", rank, 3)) for rank in range(3)]
    assert shares == [list(range(n))[rank::3] for rank in range(3)]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("augment", ["none", "crop_flip", "fast", "autoaugment"])
def test_batches_arrive_on_the_device_in_the_same_order(augment: str) -> None:
    split = Split(torch.from_numpy(random_images(100, 3, 32, 32)), torch.arange(100))
    data = data_set(split, Normalisation((0.5,) * 3, (0.25,) * 3))
    setting = config(32, augment, name="cifar10")
    on_device, on_cpu = (list(training_batches(data, setting, device).epoch(1)) for device in ("cuda", "cpu"))
    assert {x.device.type for x, _ in on_device} == {y.device.type for _, y in on_device} == {"cuda"}
    assert same(on_device, list(training_batches(data, setting, "cuda").epoch(1)))
    for (x, y), (cpu_x, cpu_y) in zip(on_device, on_cpu, strict=True):
        assert torch.equal(y.cpu(), cpu_y)
        if augment == "none":
            torch.testing.assert_close(x.cpu(), cpu_x)
    for (x, _), (reference, _) in zip(
        eval_batches(split, 64, data.normalisation, "cuda"),
        eval_batches(split, 64, data.normalisation),
        strict=True,
    ):
        torch.testing.assert_close(x.cpu(), reference)
