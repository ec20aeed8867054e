"""The fields of state.json, of a checkpoint and of a finished network; checked before they are used.

Imports no torch. Unknown fields may come from a later version, and are ignored.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from snncore.config.schema import Config
from snncore.data.specs import DataSpec

FORMAT = 1
"""Version of the checkpoint format; increased when files or fields change their meaning."""

_Count = Annotated[int, Field(ge=0, lt=2**53, strict=True)]
_Size = Annotated[int, Field(ge=1, lt=2**31, strict=True)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Percent = Annotated[float, Field(ge=0, le=100)]


class _Saved(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SavedEvaluation(_Saved):
    """The last evaluation of a training; the fields of `snncore.evaluation.evaluate.Evaluation`.

    exit_steps, exit_accuracy, n_per_class, right_per_class: None if written before they were recorded.
    """

    n: Annotated[int, Field(ge=1, strict=True)]
    accuracy_at_t: Annotated[tuple[_Percent, ...], Field(min_length=1)]
    firing_rate: tuple[_NotNegative, ...]
    mean_firing_rate: _NotNegative
    n_per_class: tuple[_Count, ...] | None = None
    right_per_class: tuple[_Count, ...] | None = None
    exit_steps: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    exit_accuracy: _Percent | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it has all fields that this version records."""
        return None not in (self.n_per_class, self.right_per_class, self.exit_steps, self.exit_accuracy)


class TrainingState(_Saved):
    """state.json of a checkpoint. evaluation: None without a validation split."""

    config: Config
    epochs_trained: _Count
    train_time_s: _NotNegative
    n_averaged: _Count
    evaluation: SavedEvaluation | None


class SavedNormalisation(_Saved):
    """mean and std, per channel or one for all."""

    mean: Annotated[tuple[_Finite, ...], Field(min_length=1)]
    std: Annotated[tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1)]


class SavedSpec(_Saved):
    """The fields of `DataSpec`."""

    n_classes: _Size
    channels: _Size
    height: _Size
    width: _Size
    n_train: _Count
    n_test: _Count
    has_time: bool = False

    def spec(self) -> DataSpec:
        """As a `DataSpec`."""
        return DataSpec(**self.model_dump())


class NetworkState(_Saved):
    """state.json of a finished network. spec: None if written before it was recorded."""

    normalisation: SavedNormalisation
    spec: SavedSpec | None = None
