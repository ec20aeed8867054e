"""The config of one training: a frozen pydantic model, unknown keys refused, bounds in the types.

This file and `snncore.config.rules` import no torch, so that configs can be checked anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

from snncore.config.presets import PRESETS

Mode = Literal[
    "none",
    "supervised",
    "deepest",
    "ensemble",
    "reliable",
    "strong2weak",
    "weak2strong",
    "simultaneous",
    "supervised+strong2weak",
    "supervised+weak2strong",
    "supervised+simultaneous",
    "deepest+strong2weak",
    "deepest+weak2strong",
    "deepest+simultaneous",
    "ensemble+strong2weak",
    "ensemble+weak2strong",
    "ensemble+simultaneous",
    "reliable+strong2weak",
    "reliable+weak2strong",
    "reliable+simultaneous",
]
SurrogateName = Literal["sigmoid", "rectangular", "triangle", "arctan"]
ARCHITECTURES = (
    "convnet",
    "mlp",
    "vgg9",
    "vgg11",
    "resnet18",
    "resnet19",
    "preact_resnet34",
    "sew_resnet34",
)
PositiveInt = Annotated[int, Field(ge=1, strict=True)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
EXIT_CONFIDENCE = 0.9

ADDED_LATER = frozenset({"data.cutout", "measure.exit_confidence"})
"""Fields that complete configs of earlier versions lack; their defaults do what those versions did."""


def _built_in_or_own(arch: str) -> str:
    if arch not in ARCHITECTURES and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", arch):
        raise _choice_error(ARCHITECTURES, " or your own as package.module:factory")
    return arch


def _known_preset(name: str) -> str:
    if name not in PRESETS:
        raise _choice_error(PRESETS)
    return name


def _choice_error(options: Iterable[str], more: str = "") -> PydanticCustomError:
    expected = ", ".join(f"'{option}'" for option in options)
    return PydanticCustomError("literal_error", "{expected}" + more, {"expected": expected})


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Section):
    """Which images or events, and how the training samples are divided."""

    name: Literal[
        "digits",
        "fashion_mnist",
        "cifar10",
        "cifar100",
        "imagenet",
        "cifar10_dvs",
        "dvs_gesture",
        "nmnist",
        "shd",
        "folder",
        "npz",
    ] = Field("digits", description="The data set.")
    root: str = Field("data", description="Folder that holds the data sets; the data itself of folder, npz.")
    val_fraction: float = Field(
        0.1,
        ge=0,
        lt=1,
        strict=True,
        description="Stratified share of the training samples kept for validation.",
    )
    train_limit: PositiveInt | None = Field(
        None, description="Use only so many training samples, the same ones for every seed."
    )
    augment: Literal["none", "crop_flip", "fast", "autoaugment", "events", "imagenet"] = Field(
        "none", description="Random changes of training samples."
    )
    cutout: Annotated[int, Field(ge=0, le=1024, strict=True)] | None = Field(
        None,
        description="Side in pixels of a black square laid over every training image (Cutout), 0: none; "
        "null: with fast and autoaugment half the height, in the mean colour.",
    )
    size: PositiveInt | None = Field(
        None, ge=8, le=1024, description="Side length to resize to; null: that of the data set."
    )
    events: Literal["none", "saccades"] = Field(
        "none", description="saccades: event frames simulated from still images."
    )
    frames_by: Literal["time", "count"] = Field(
        "time",
        description="How event streams are cut into T frames: of equal time, or of equally many events.",
    )
    workers: Annotated[int, Field(ge=0, le=256, strict=True)] = Field(
        4, description="Processes that decode image files; data sets in memory need none."
    )


class ModelConfig(_Section):
    """Which network."""

    arch: Annotated[str, AfterValidator(_built_in_or_own)] = Field(
        "convnet", description="A built-in architecture, or your own as package.module:factory."
    )
    width: PositiveFloat = Field(1.0, le=64, description="Multiplies the number of channels.")


class NeuronConfig(_Section):
    """The leaky integrate-and-fire neuron: v ← decay·v + x, fires at v >= v_threshold."""

    decay: float = Field(
        0.2, gt=0, lt=1, strict=True, description="Share of the potential kept per step, 1 − 1/τ."
    )
    v_threshold: PositiveFloat = Field(1.0, description="Potential at which a neuron fires.")
    reset: Literal["soft", "hard"] = Field(
        "soft", description="After a spike: subtract the threshold, or set to 0."
    )
    detach_reset: StrictBool = Field(True, description="No gradient through the reset.")
    surrogate: SurrogateName = Field("sigmoid", description="What stands for the derivative of a spike.")
    surrogate_slope: PositiveFloat = Field(4.0, description="k of the surrogate; a rectangle has width 1/k.")


class DistillationConfig(_Section):
    """Self-distillation: between branch heads (P1) or between time steps (P2)."""

    mode: Mode = Field("none", description="Who teaches whom.")
    variant: Literal["pair", "ensemble_teacher", "ensemble_student", "cascade"] = Field(
        "pair", description="How time steps teach, in modes between them."
    )
    branches: tuple[PositiveInt, ...] = Field((), description="Stages, 1-based, after which a branch stands.")
    reliability_threshold: float = Field(
        0.0,
        ge=0,
        le=1,
        strict=True,
        description="A head teaches when it is right with at least this probability.",
    )
    alpha: NonNegativeFloat = Field(1.0, description="Weight of cross-entropy on the heads.")
    alpha_on: Literal["all", "branches"] = Field(
        "all", description="branches: the own head's cross-entropy keeps weight 1 (P1's ImageNet variant)."
    )
    beta: NonNegativeFloat = Field(0.3, description="Weight of distillation.")
    beta_temporal: NonNegativeFloat = Field(
        1.0, description="Weight of the temporal part where a mode has both, such as reliable+strong2weak."
    )
    temperature: PositiveFloat | None = Field(
        None, description="null: 3 with branch heads, 2 between time steps."
    )


class OptimConfig(_Section):
    """The optimizer and its schedule, which always has the length of the full training."""

    name: Literal["sgd", "adamw"] = Field("sgd", description="The optimizer.")
    lr: PositiveFloat = Field(0.1, description="Learning rate at its highest.")
    momentum: float = Field(0.9, ge=0, lt=1, strict=True, description="SGD's momentum; AdamW's first beta.")
    weight_decay: NonNegativeFloat = Field(5.0e-4, description="On weights; never on batch norm or biases.")
    batch_size: PositiveInt = Field(128, description="Samples per step, over all processes together.")
    epochs: PositiveInt = Field(20, description="Length of the full training, and of the schedule.")
    schedule: Literal["cosine", "step", "constant"] = Field(
        "cosine", description="cosine: to 0 over all epochs; set once per epoch."
    )
    step_epochs: PositiveInt = Field(30, description="schedule step: epochs between two steps.")
    step_factor: float = Field(
        0.1, gt=0, le=1, strict=True, description="schedule step: what lr is multiplied with at each."
    )
    warmup_epochs: Annotated[int, Field(ge=0, strict=True)] = Field(
        0, description="The first epochs, over which lr rises linearly."
    )
    clip_norm: PositiveFloat | None = Field(None, description="Largest norm of the whole gradient.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, strict=True, description="Share of the label given to all classes alike."
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        strict=True,
        description="Keep and evaluate a moving average of the weights, of which a step keeps this share.",
    )
    loss_over_T: StrictBool = Field(  # noqa: N815 - the published name of the switch
        False, description="Divide the loss by T, as published code does; couples lr and T."
    )


class MeasureConfig(_Section):
    """How latency and early exit are measured."""

    batch_size: PositiveInt = Field(1, description="Samples that are classified at once.")
    threads: PositiveInt = Field(1, description="Of torch, while latency is measured; not while training.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: that of the training.")
    exit_confidence: PositiveFloat = Field(
        EXIT_CONFIDENCE,
        le=1,
        description="Softmax probability at which a sample stops, for exit_steps and exit_accuracy.",
    )


class OriginConfig(_Section):
    """Where an exported config came from."""

    study: str
    trial: int


class Config(_Section):
    """All that determines a training run."""

    preset: Annotated[str, AfterValidator(_known_preset)] | None = Field(
        None, description="A published recipe, which the other fields override."
    )
    T: Annotated[int, Field(ge=1, le=1024, strict=True)] = Field(4, description="Time steps.")
    gradient: Literal["rate", "bptt"] = Field(
        "rate", description="Of the rates, at one step's memory, or through all time steps."
    )
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    neuron: NeuronConfig = NeuronConfig()
    distillation: DistillationConfig = DistillationConfig()
    optim: OptimConfig = OptimConfig()
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="bf16: convolutions and linear layers in bfloat16, the rest in float32."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = Field(
        0, description="Of initial weights, order and augmentation."
    )
    measure: MeasureConfig = MeasureConfig()
    origin: OriginConfig | None = Field(
        None, description="{study, trial} of an exported config; set by studies.export."
    )
    out: str | None = Field(
        None, description="Folder that snncore.train writes; null: named as the config file."
    )

    def as_dict(self) -> dict[str, Any]:
        """The complete config as plain YAML values, with all defaults."""
        return self.model_dump(mode="json")


def field_names(model: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """Dotted names of all fields, in the order of the model, without the sections themselves."""
    names: list[str] = []
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += field_names(inner, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names
