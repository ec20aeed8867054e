"""The data set that a process loaded last: the next trial of a reused worker nearly always wants the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from snncore.config.schema import DataConfig
from snncore.data.cache.source_files import source_of
from snncore.data.split import AnySplit, Split, SplitView


class _Divided(Protocol):
    @property
    def train(self) -> AnySplit: ...

    @property
    def val(self) -> AnySplit: ...


Data = TypeVar("Data", bound=_Divided)


class LastData(Generic[Data]):
    """Keeps one data set, with what it was read from and how often its tensors had been written to."""

    def __init__(self) -> None:
        self._kept: tuple[Any, Data, tuple[int, ...]] | None = None

    def get(self, config: DataConfig, steps: int | None, load: Callable[[], Data]) -> Data:
        """The data set kept, if it is that of `config`, from the same files, and nobody has written to it.

        Else what `load` returns, which is kept in its place. Event data and ImageNet are not kept: they stay
        on the disk anyway. steps: into which samples are cut, None for still images.

        Raises:
            DataError: what `load` raises, or the user's own folder holds what it should not.
        """
        source = source_of(config, is_train=True)
        if source is None:
            return load()
        # How samples are augmented, and by how many processes, is decided where batches are made.
        key = (config.model_copy(update={"augment": "none", "workers": 0}), steps, source)
        if self._kept is not None:
            kept_key, data, n_writes = self._kept
            if kept_key == key and n_writes == _n_writes(data):
                return data
            self._kept = None  # before the next one is loaded: memory need not hold two
            del data
        loaded = load()
        self._kept = (key, loaded, _n_writes(loaded))
        return loaded


def _n_writes(data: _Divided) -> tuple[int, ...]:
    """What torch counts at every tensor: how often it was written to, by whatever view of it."""
    tensors = []
    for split in (data.train, data.val):
        if isinstance(split, SplitView):
            tensors += [split.source.images, split.source.labels, split.rows]
        elif isinstance(split, Split):
            tensors += [split.images, split.labels]
    return tuple(tensor._version for tensor in tensors)
