"""Rules between fields: combinations that the trainer cannot run, and fields that have no effect.

Imports no torch. `RULE_FIELDS` are the fields that the rules read; all their combinations in a space are
checked before anything is trained. A rule about a number is a limit: if both ends of a range can be trained,
so can all values between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snncore.config.schema import EXIT_CONFIDENCE, Config, DataConfig, DistillationConfig
from snncore.data.specs import EVENT_SPECS, IMAGE_SPECS, OWN_DATA, SPECS
from snncore.errors import Problem

BRANCH_MODES = frozenset({"supervised", "deepest", "ensemble", "reliable"})
"""Modes of P1: ANN branches are additional heads."""

TEMPORAL_MODES = frozenset({"strong2weak", "weak2strong", "simultaneous"})
"""Modes of P2: time steps teach each other."""

N_STAGES = {
    "convnet": 3,
    "mlp": 0,
    "vgg9": 3,
    "vgg11": 4,
    "resnet18": 4,
    "resnet19": 3,
    "preact_resnet34": 4,
    "sew_resnet34": 4,
}
"""Number of stages, after which a branch can be; that of a user's own network is known once it is built."""

EVENT_DATA = frozenset(EVENT_SPECS)
"""Data sets of event streams, whose frames differ at every step."""

_SENSOR = {name: spec.height for name, spec in EVENT_SPECS.items() if spec.height > 1}
"""Side in pixels of the event cameras; frames can only be made smaller."""

_SIDE = _SENSOR | {name: spec.height for name, spec in IMAGE_SPECS.items() if name != "imagenet"}
"""Side in pixels if `data.size` is not set; images of ImageNet have all sizes."""

_COLOUR_DATA = frozenset({"cifar10", "cifar100", "imagenet"})

RULE_FIELDS = (
    "gradient",
    "model.arch",
    "distillation.mode",
    "distillation.branches",
    "data.name",
    "data.augment",
    "data.cutout",
    "data.events",
    "data.size",
    "optim.epochs",
    "optim.warmup_epochs",
)


def branch_mode(mode: str) -> str | None:
    """The part of a mode that needs branches, or None: of "reliable+strong2weak" it is "reliable"."""
    return next((part for part in mode.split("+") if part in BRANCH_MODES), None)


def temporal_mode(mode: str) -> str | None:
    """The part of a mode that compares time steps: of "reliable+strong2weak" it is "strong2weak"."""
    return next((part for part in mode.split("+") if part in TEMPORAL_MODES), None)


def has_branches(mode: str) -> bool:
    """Whether a mode has branch heads."""
    return branch_mode(mode) is not None


def rule_problems(config: Config) -> list[Problem]:
    """All reasons why the trainer cannot run `config`; empty if it can."""
    parts = (_gradient(config), _branches(config), _data(config.data), _architecture(config), _optim(config))
    return [problem for part in parts for problem in part]


def _gradient(config: Config) -> Iterator[Problem]:
    temporal = temporal_mode(config.distillation.mode)
    if temporal and config.gradient == "rate":
        message = (
            f"{temporal!r} needs a gradient at every time step, and gradient 'rate' has none; "
            "set gradient: bptt, or choose a mode with branches"
        )
        yield Problem("distillation.mode", message)


def _branches(config: Config) -> Iterator[Problem]:
    mode, branches = config.distillation.mode, config.distillation.branches
    n_stages = N_STAGES.get(config.model.arch)
    if n_stages == 0 and has_branches(mode):
        message = f"mode {mode!r} needs branches, and {config.model.arch} has no stages to put them after"
        yield Problem("distillation.mode", message)
        return
    if has_branches(mode) and not branches:
        allowed = f"a subset of {list(range(1, n_stages + 1))}" if n_stages else "ascending stages from 1"
        yield Problem("distillation.branches", f"mode {mode!r} needs at least one branch; allowed: {allowed}")
    too_high = n_stages is not None and any(stage > n_stages for stage in branches)
    if list(branches) != sorted(set(branches)) or too_high:
        message = (
            f"got {list(branches)}, allowed for {config.model.arch}: "
            f"ascending stages from 1{f' to {n_stages}' if n_stages else ''}, each once"
        )
        yield Problem("distillation.branches", message)


def _data(data: DataConfig) -> Iterator[Problem]:
    is_event = data.name in EVENT_DATA
    if is_event and data.events != "none":
        yield Problem("data.events", f"{data.name} holds events already; set data.events: none")
    if data.name == "imagenet" and data.events != "none":
        yield Problem(
            "data.events", "events are simulated from images in memory; imagenet is read image by image"
        )
    largest = _SENSOR.get(data.name)
    if largest is not None and data.size is not None and data.size > largest:
        yield Problem(
            "data.size", f"got {data.size}, allowed for {data.name}: up to {largest}, its sensor's side"
        )
    if data.name == "shd" and data.size is not None:
        yield Problem("data.size", "shd has 700 channels and no image to resize; leave data.size out")
    yield from _augment(data, is_event or data.events != "none")
    yield from _cutout(data, is_event or data.events != "none")


def _cutout(data: DataConfig, is_event: bool) -> Iterator[Problem]:
    if not data.cutout:
        return
    if is_event:
        yield Problem("data.cutout", f"got {data.cutout}; Cutout is for still images, allowed here: 0")
        return
    side = data.size if data.size or data.name in OWN_DATA else SPECS[data.name].height
    if side is not None and data.cutout > side:
        yield Problem("data.cutout", f"got {data.cutout}, allowed for images of {side} pixels: 0 to {side}")


def _augment(data: DataConfig, is_event: bool) -> Iterator[Problem]:
    augment = data.augment
    may_be_event = is_event or data.name == "npz"
    if augment == "none":
        return
    if data.name == "shd":
        yield Problem("data.augment", f"{augment!r} moves pixels, and shd has none; allowed: none")
    elif augment == "events" and not may_be_event:
        yield Problem("data.augment", f"'events' is for event frames, and {data.name} holds still images")
    elif augment != "events" and is_event:
        yield Problem(
            "data.augment", f"{augment!r} is for still images; allowed for event frames: none, events"
        )
    elif (augment == "imagenet") != (data.name == "imagenet"):
        yield Problem(
            "data.augment",
            f"{augment!r} with {data.name}: imagenet takes 'imagenet' or none, and no other set does",
        )
    elif augment == "autoaugment" and data.name not in _COLOUR_DATA | {"folder", "npz"}:
        yield Problem(
            "data.augment", f"'autoaugment' changes colours, and {data.name} has none; use crop_flip or fast"
        )


def _optim(config: Config) -> Iterator[Problem]:
    optim = config.optim
    if optim.warmup_epochs >= optim.epochs and optim.warmup_epochs > 0:
        message = f"got {optim.warmup_epochs}, allowed: fewer than optim.epochs, which is {optim.epochs}"
        yield Problem("optim.warmup_epochs", message)


def _architecture(config: Config) -> Iterator[Problem]:
    if config.data.name == "shd" and config.model.arch in N_STAGES and config.model.arch != "mlp":
        message = f"{config.model.arch} needs images, and shd has 700 channels without place; use mlp"
        yield Problem("model.arch", message)


def canonical(config: Config) -> dict[str, Any]:
    """The config without the fields that have no effect on what is trained or measured.

    Two configs are the same trial if their canonical forms are equal: training gives the same weights, bit
    for bit, at the same cost. Dropped are alpha in mode none, how neurons carry potential between steps at
    T = 1, the paths of files, and the like; see also `effective_distillation`.
    """
    values = config.as_dict()
    for name in ("preset", "origin", "out"):
        del values[name]
    _canonical_data(values["data"], config.T)
    _canonical_optim(values["optim"], config.T)
    if config.T == 1 or config.measure.exit_confidence == EXIT_CONFIDENCE:
        del values["measure"]["exit_confidence"]  # configs recorded before there was one stay the same
    if config.T == 1 and ":" not in config.model.arch:  # a user's own network may use its neurons in any way
        for name in ("decay", "reset", "detach_reset"):
            del values["neuron"][name]
    values["distillation"] = _canonical_distillation(config)
    return values


def _canonical_data(data: dict[str, Any], T: int) -> None:
    if data["name"] not in OWN_DATA:
        del data["root"]  # for a user's own data it identifies them
    del data["workers"]
    if data["name"] not in EVENT_DATA or T == 1:  # one frame holds all events
        del data["frames_by"]
    if data["augment"] == "fast" and data["cutout"] is not None:
        data["augment"] = "crop_flip"  # `fast` without its default Cutout
    if data["cutout"] is None or (data["cutout"] == 0 and data["augment"] != "autoaugment"):
        del data["cutout"]
    if data["size"] is None:
        data["size"] = _SIDE.get(data["name"])


def _canonical_optim(optim: dict[str, Any], T: int) -> None:
    is_constant = {
        "constant": True,
        "cosine": optim["epochs"] == 1,
        "step": optim["step_factor"] == 1 or optim["step_epochs"] >= optim["epochs"],
    }
    if is_constant[optim["schedule"]]:
        optim["schedule"] = "constant"
    if optim["schedule"] != "step":
        del optim["step_epochs"], optim["step_factor"]
    if T == 1:
        del optim["loss_over_T"]


def effective_distillation(config: Config) -> DistillationConfig:
    """The distillation of a config, with settings that have no effect at their defaults.

    With T = 1 there is no distillation between time steps, and none with weight 0: a mode with branch heads
    becomes "supervised", one between time steps is dropped. With T = 2 all variants are "pair".
    """
    setting = config.distillation
    branch, temporal = branch_mode(setting.mode), temporal_mode(setting.mode)
    if config.T == 1 or (setting.beta_temporal if branch else setting.beta) == 0:
        temporal = None
    if branch and setting.beta == 0:
        branch = "supervised"
    changes: dict[str, Any] = {"mode": "+".join(part for part in (branch, temporal) if part) or "none"}
    if config.T == 2:
        changes["variant"] = "pair"
    if setting.alpha == 1:
        changes["alpha_on"] = "all"
    if branch != "reliable":
        changes["reliability_threshold"] = 0.0
    return setting.model_copy(update=changes)


def _canonical_distillation(config: Config) -> dict[str, Any]:
    setting = effective_distillation(config)
    branch, temporal = branch_mode(setting.mode), temporal_mode(setting.mode)
    values: dict[str, Any] = {"mode": setting.mode}
    if branch:
        values |= {"branches": list(setting.branches), "alpha": setting.alpha, "alpha_on": setting.alpha_on}
    if branch and branch != "supervised":
        values["beta"] = setting.beta
        values["temperature"] = setting.temperature or default_temperature(branch)
    if branch == "reliable":
        values["reliability_threshold"] = setting.reliability_threshold
    if temporal:
        values |= {
            "beta_temporal": setting.beta_temporal if branch else setting.beta,
            "variant": setting.variant,
            "temperature_temporal": setting.temperature or default_temperature(temporal),
        }
    return values


def default_temperature(mode: str) -> float:
    """The published softmax temperature of a mode: 3 with branch heads (P1), 2 between time steps (P2)."""
    return 2.0 if mode in TEMPORAL_MODES else 3.0
