from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from snncore.data.split import Split, SplitView
from snncore.data.variety import largest_equal_part
from snncore.errors import DataError
from tests.snncore.data.fixtures import load, random_images
from tests.snncore.data.sets.test_npz import config, write


def images(n_alike: int, n: int, value: int = 7, seed: int = 0) -> np.ndarray:
    """Random ones, of which some, drawn, are of one value."""
    values = random_images(n, 8, 8, seed=seed)
    values[np.random.default_rng(seed).permutation(n)[:n_alike]] = value
    return values


@pytest.mark.parametrize(("value", "blank"), [(7, ""), (0, ", zero everywhere")])
def test_training_images_that_are_all_alike_are_refused(tmp_path: Path, value: int, blank: str) -> None:
    path = write(tmp_path / "my.npz", 8, 8, x_train=images(20, 20, value))
    message = f"data: npz: training samples: 20 of 20 are equal to one another{blank}; nothing can be learned"
    with pytest.raises(DataError, match=message):
        load(config(path))


def test_frames_without_events_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "my.npz", 4, 2, 8, 8, x_train=np.zeros((20, 4, 2, 8, 8), np.uint8))
    with pytest.raises(DataError, match="20 of 20 are equal to one another, zero everywhere"):
        load(config(path), T=4)


@pytest.mark.parametrize("n_alike", [0, 1, 6, 10, 19])
def test_half_of_the_images_alike_are_told(
    tmp_path: Path, n_alike: int, capsys: pytest.CaptureFixture[str]
) -> None:
    data = load(config(write(tmp_path / "my.npz", 8, 8, x_train=images(n_alike, 20))))
    told = f"npz: training samples: {n_alike} of 20 are equal to one another\n" if n_alike >= 10 else ""
    assert capsys.readouterr().err == told
    assert len(data.train) == 20


def test_test_images_that_are_all_alike_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(config(write(tmp_path / "my.npz", 8, 8, x_test=images(10, 10)))).read_test()
    assert capsys.readouterr().err == "npz: test samples: 10 of 10 are equal to one another\n"


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [20, 1000])
def test_a_large_part_that_is_alike_is_counted_wherever_it_lies(n: int, seed: int) -> None:
    split = Split(torch.from_numpy(images(n * 7 // 10, n, seed=seed)).unsqueeze(1), torch.zeros(n).long())
    assert largest_equal_part(split) == (n * 7 // 10, False)
    rows = torch.arange(n).flip(0)
    assert largest_equal_part(SplitView(split, rows)) == (n * 7 // 10, False)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_small_parts(n: int) -> None:
    split = Split(torch.zeros(n, 1, 4, 4, dtype=torch.uint8), torch.zeros(n).long())
    assert largest_equal_part(split) == ((2, True) if n == 2 else (0, False))


def test_only_nine_images_are_looked_at_where_they_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(torch.from_numpy(random_images(5000, 1, 8, 8)), torch.zeros(5000).long())
    looked_at = []
    take = Split.take
    monkeypatch.setattr(Split, "take", lambda part, rows: (looked_at.append(len(rows)), take(part, rows))[1])
    assert largest_equal_part(split) == (0, False)
    assert looked_at == [9]
