from __future__ import annotations

import gzip
import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from snncore.config.schema import DataConfig
from snncore.data.files import digits_file
from snncore.data.missing import find_problem
from snncore.data.sets import digits
from snncore.data.specs import SPECS
from snncore.errors import DataError
from tests.snncore.data.fixtures import load


def rows(images: Any, labels: Any) -> NDArray[np.int64]:
    """One sorted row of pixels and label for each image, so that sets of images can be compared."""
    table = np.column_stack([np.asarray(images).reshape(len(labels), -1), np.asarray(labels)]).astype(int)
    return table[np.lexsort(table.T)]


def test_both_splits_together_are_the_digits_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    published = load_digits()
    scaled = np.floor(published.images * 255 / 16 + 0.5)
    train, test = digits.read(is_train=True), digits.read(is_train=False)
    ours = np.concatenate([rows(split.images, split.labels) for split in (train, test)])
    assert np.array_equal(rows(ours[:, :-1], ours[:, -1]), rows(scaled, published.target))
    place = {image.astype(np.uint8).tobytes(): index for index, image in enumerate(scaled)}
    assert len(place) == len(scaled)  # no image comes twice
    for split in (train, test):
        assert (np.diff([place[image.numpy().tobytes()] for image in split.images]) > 0).all()


def test_counts_are_those_documented() -> None:
    train, test = digits.read(is_train=True), digits.read(is_train=False)
    spec = SPECS["digits"]
    assert (len(train), len(test)) == (spec.n_train, spec.n_test) == (1438, 359)
    assert tuple(train.images.shape[1:]) == spec.image_shape
    assert test.labels.bincount().tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]


def test_the_test_split_never_changes() -> None:
    test = digits.read(is_train=False)
    content = test.images.numpy().tobytes() + test.labels.numpy().tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == "c73ccbc9b7792210"


def test_bytes_reach_from_0_to_255_in_17_steps() -> None:
    values = digits.read(is_train=True).images.unique().tolist()
    assert len(values) == 17
    assert values[0] == 0
    assert values[8] == 128
    assert values[-1] == 255


def test_a_truncated_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digits_file()
    assert whole is not None
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(whole.read_bytes()[:20_000])
    monkeypatch.setattr(digits, "digits_file", lambda: path)
    with pytest.raises(DataError, match=r"digits\.csv\.gz: truncated or damaged.*install scikit-learn again"):
        load(DataConfig())


def test_too_few_digits_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(b",".join([b"1"] * 65) + b"\n"))
    monkeypatch.setattr(digits, "digits_file", lambda: path)
    with pytest.raises(DataError, match=r"\(1, 64\) values up to 1"):
        digits.read(is_train=True)


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_problem(DataConfig()) is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install scikit-learn" in str(find_problem(DataConfig()))
    with pytest.raises(DataError, match="pip install scikit-learn"):
        digits.read(is_train=True)
