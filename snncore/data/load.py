"""Loads a config's data: training and validation samples at once, test samples only on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch

from snncore.config.schema import DataConfig
from snncore.data.batches.normalisation import COUNTS, PUBLISHED, Normalisation, measure_normalisation
from snncore.data.cache.image_cache import SMALLEST_BYTES
from snncore.data.cache.last_data import LastData
from snncore.data.config_spec import data_spec
from snncore.data.files import DamagedFileError, remedy
from snncore.data.missing import find_problem
from snncore.data.read import read_split
from snncore.data.specs import DataSpec
from snncore.data.split import AnySplit, Split, SplitView
from snncore.data.stratify import draw_stratified
from snncore.data.variety import require_variety
from snncore.errors import DataError

__all__ = ["DataSet", "Normalisation", "Split", "load_data"]

_VALIDATION_SEED, _LIMIT_SEED = 20_251, 20_252  # fixed, not that of the config: all trials share the splits


@dataclass(frozen=True, eq=False)
class DataSet:
    """train, val: parts of the published training samples; val may be empty. Test samples are not read."""

    spec: DataSpec
    train: AnySplit
    val: AnySplit
    normalisation: Normalisation
    _read_test: Callable[[], AnySplit] = field(repr=False)

    def read_test(self) -> AnySplit:
        """Read the test samples from disk. For final trainings: a search must never call this.

        Raises:
            DataError: a file is missing or damaged.
        """
        return self._read_test()


_LAST: LastData[DataSet] = LastData()


def load_data(config: DataConfig, T: int) -> DataSet:
    """Read the training samples of `config` and split them, in the same way for every seed and every study.

    A stratified share `val_fraction` is the validation split; a class with two samples or more has at least
    one in each split. `train_limit` then reduces the training split, stratified; validation keeps its size.
    The normalisation is that of all published training images, whatever the split. T: number of time steps
    into which events are cut; still images do not depend on it.

    The last data set of a process is kept, and returned again while its files are unchanged: its tensors must
    not be written to.

    Raises:
        DataError: files are missing or damaged, or `train_limit` asks for more samples than there are.
    """
    problem = find_problem(config)
    if problem is not None:
        raise DataError(problem)
    steps = T if data_spec(config).has_time else None
    return _LAST.get(config, steps, lambda: _load(config, T))


def _load(config: DataConfig, T: int) -> DataSet:
    spec = data_spec(config)
    whole = _read(config, T, is_train=True)
    train, val = _divide(whole, config)
    return DataSet(
        spec=spec,
        train=train,
        val=val,
        normalisation=_normalisation(config, spec, whole),
        _read_test=partial(_read, config, T, is_train=False),
    )


def _read(config: DataConfig, T: int, is_train: bool) -> AnySplit:
    try:
        split = read_split(config, T, is_train)
    except DamagedFileError as error:
        raise DataError(f"{error}; {remedy(config.name, config.root)}") from error
    except OSError as error:
        raise DataError(f"data: {config.name} cannot be read: {error}") from error
    if isinstance(split, Split | SplitView):
        require_variety(split, f"{config.name}: {'training' if is_train else 'test'} samples", is_train)
    return split


def _normalisation(config: DataConfig, spec: DataSpec, whole: AnySplit) -> Normalisation:
    if spec.has_time:
        return COUNTS
    published = PUBLISHED.get(config.name)
    if published is not None:
        return published
    assert isinstance(whole, Split), "sets read file by file have a published normalisation"
    return measure_normalisation(whole.images)


def _divide(whole: AnySplit, config: DataConfig) -> tuple[AnySplit, AnySplit]:
    labels = whole.labels.numpy()
    if config.val_fraction == 0:
        val, train = labels[:0], torch.arange(len(whole)).numpy()
    else:
        n_val = round(config.val_fraction * len(whole))
        val, train = draw_stratified(labels, n_val, _VALIDATION_SEED, leave_one=True)
        if len(val) == 0:
            raise DataError(
                f"data.val_fraction: no class of {config.name} has two training samples, so that none can be "
                "kept for validation; add samples, or set it to 0 to train without"
            )
    limit = config.train_limit
    if limit is not None:
        if limit > len(train):
            raise DataError(
                f"data.train_limit: asks for {limit} training images, but {config.name} has {len(train)} "
                f"of {len(whole)} after {len(val)} are kept for validation"
            )
        chosen, _ = draw_stratified(labels[train], limit, _LIMIT_SEED)
        train = train[chosen]
    return _part(whole, torch.from_numpy(train)), _part(whole, torch.from_numpy(val))


def _part(whole: AnySplit, rows: torch.Tensor) -> AnySplit:
    """A view of large sets and event frames, which trials share; otherwise a copy, or paths for files."""
    if isinstance(whole, Split) and (whole.images.dim() == 5 or whole.images.nbytes >= SMALLEST_BYTES):
        return SplitView(whole, rows)
    return whole.subset(rows)
