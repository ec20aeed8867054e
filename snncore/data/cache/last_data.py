"""Keeps the last data set of a process: the next trial of a worker nearly always uses the same."""

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
    """Keeps one data set, with its files and how often its tensors had been written to."""

    def __init__(self) -> None:
        self._kept: tuple[Any, Data, tuple[int, ...]] | None = None

    def get(self, config: DataConfig, steps: int | None, load: Callable[[], Data]) -> Data:
        """The kept data set, if it is that of `config`, from the same files, and has not been written to.

        Otherwise the result of `load`, which is then kept instead. Event data and ImageNet are not kept: they
        stay on disk anyway. steps: number of time steps, None for still images.

        Raises:
            DataError: those of `load`, or the user's own folder has invalid content.
        """
        source = source_of(config, is_train=True)
        if source is None:
            return load()
        # Augmentation and worker processes only matter when batches are made.
        key = (config.model_copy(update={"augment": "none", "workers": 0}), steps, source)
        if self._kept is not None:
            kept_key, data, n_writes = self._kept
            if kept_key == key and n_writes == _n_writes(data):
                return data
            self._kept = None  # before the next one is loaded, so that memory does not hold two
            del data
        loaded = load()
        self._kept = (key, loaded, _n_writes(loaded))
        return loaded


def _n_writes(data: _Divided) -> tuple[int, ...]:
    """How often each tensor was written to, by any view of it, as counted by torch."""
    tensors = []
    for split in (data.train, data.val):
        if isinstance(split, SplitView):
            tensors += [split.source.images, split.source.labels, split.rows]
        elif isinstance(split, Split):
            tensors += [split.images, split.labels]
    return tuple(tensor._version for tensor in tensors)
