"""A config's data: training and validation images now, test images only when someone asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from snncore.config import DataConfig
from snncore.data.files import DamagedFileError, fetch_command
from snncore.data.missing import find_problem
from snncore.data.normalisation import PUBLISHED, Normalisation, measure_normalisation
from snncore.data.specs import SPECS, DataSpec
from snncore.data.split import Split
from snncore.data.stratify import draw_stratified
from snncore.errors import DataError

__all__ = ["DataSet", "Normalisation", "Split", "load_data", "read_split"]

_VALIDATION_SEED, _LIMIT_SEED = (
    20_251,
    20_252,
)  # of the data, not of the training: all trials share the splits


@dataclass(frozen=True, eq=False)
class DataSet:
    """train, val: parts of the published training images; val may be empty. The test images are not read."""

    spec: DataSpec
    train: Split
    val: Split
    normalisation: Normalisation
    _read_test: Callable[[], Split] = field(repr=False)

    def read_test(self) -> Split:
        """Read the test images from disk, whole. For final trainings: a search must never call this.

        Raises:
            DataError: a file is missing or damaged.
        """
        return self._read_test()


def load_data(config: DataConfig) -> DataSet:
    """Read the training images of `config` and divide them, the same way for every seed and every study.

    `val_fraction` of them, stratified, is the validation split; every class keeps an image on each side
    where it has two. `train_limit` then cuts the training side, stratified; validation keeps its size.
    The normalisation is that of all published training images, whatever the division.

    Raises:
        DataError: files are missing or damaged, or `train_limit` asks for more images than there are.
    """
    problem = find_problem(config)
    if problem is not None:
        raise DataError(problem)
    whole = _read(config.name, config.root, is_train=True)
    train, val = _divide(whole, config)
    return DataSet(
        spec=SPECS[config.name],
        train=train,
        val=val,
        normalisation=PUBLISHED.get(config.name) or measure_normalisation(whole.images),
        _read_test=partial(_read, config.name, config.root, is_train=False),
    )


def read_split(name: str, root: str | Path, is_train: bool) -> Split:
    """All published training or test images of the data set `name`, in the order of its files.

    Raises:
        DamagedFileError: a file is missing or damaged.
        DataError: the package that brings or reads the data set is not there.
    """
    if name == "digits":
        from snncore.data import digits

        return digits.read(is_train)
    if name == "fashion_mnist":
        from snncore.data import fashion_mnist

        return fashion_mnist.read(root, is_train)
    from snncore.data import cifar

    return cifar.read(name, root, is_train)


def _read(name: str, root: str, is_train: bool) -> Split:
    try:
        return read_split(name, root, is_train)
    except DamagedFileError as error:
        remedy = "install scikit-learn again" if name == "digits" else f"run: {fetch_command(name, root)}"
        raise DataError(f"{error}; {remedy}") from error


def _divide(whole: Split, config: DataConfig) -> tuple[Split, Split]:
    labels = whole.labels.numpy()
    if config.val_fraction == 0:
        val, train = labels[:0], torch.arange(len(whole)).numpy()
    else:
        n_val = round(config.val_fraction * len(whole))
        val, train = draw_stratified(labels, n_val, _VALIDATION_SEED, leave_one=True)
    limit = config.train_limit
    if limit is not None:
        if limit > len(train):
            raise DataError(
                f"data.train_limit: asks for {limit} training images, but {config.name} has {len(train)} "
                f"of {len(whole)} after {len(val)} are kept for validation"
            )
        chosen, _ = draw_stratified(labels[train], limit, _LIMIT_SEED)
        train = train[chosen]
    return whole.subset(torch.from_numpy(train)), whole.subset(torch.from_numpy(val))
