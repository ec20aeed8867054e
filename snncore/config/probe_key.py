"""A key of the fields that probed metrics depend on: configs with equal keys share a probe. Imports no torch.

A probe runs the training step and the classification of random samples, the step with a learning rate of 0.
So numbers that only scale a value do not matter; of a number that switches an operation on or off, only
whether it is 0 matters. What remains is the network, the shapes of its data, and how it is timed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from snncore.config.rules import canonical
from snncore.config.schema import Config, DataConfig
from snncore.data.config_spec import data_spec
from snncore.data.specs import OWN_DATA

WITHOUT_EFFECT: dict[str, str] = {
    "distillation.alpha": "scales a loss",
    "distillation.alpha_on": "chooses what scales a loss; the product is formed either way",
    "distillation.beta": "scales a loss; at 0 the canonical mode is another",
    "distillation.beta_temporal": "scales a loss; at 0 the canonical mode is another",
    "distillation.temperature": "logits are divided by it, whatever it is",
    "distillation.temperature_temporal": "logits are divided by it, whatever it is",
    "measure.exit_confidence": "when a sample stops; a probe runs all T steps",
    "neuron.decay": "scales potentials",
    "neuron.surrogate_slope": "scales a surrogate's argument",
    "neuron.v_threshold": "potentials are compared with it; the same work for spikes as for none",
    "optim.epochs": "how often steps are made",
    "optim.loss_over_T": "the loss is divided by T or by 1",
    "optim.lr": "a probe's steps have a learning rate of 0",
    "optim.schedule": "what lr is in which epoch",
    "optim.step_epochs": "what lr is in which epoch",
    "optim.step_factor": "what lr is in which epoch",
    "optim.warmup_epochs": "what lr is in which epoch",
    "seed": "initial values, not their number",
}
"""Fields of the canonical config that no probed metric depends on, each with the reason."""

NEEDED_IF_OWN = frozenset({"neuron.decay", "neuron.surrogate_slope", "neuron.v_threshold"})
"""Kept for a user's own network: its factory gets the neurons' parameters, and may use them in any way."""

SWITCHES: dict[str, str] = {
    "distillation.reliability_threshold": "at 0 no probability is computed",
    "optim.clip_norm": "without it no norm is computed",
    "optim.ema_decay": "without it no average is kept",
    "optim.label_smoothing": "at 0 cross-entropy takes a shorter way",
    "optim.momentum": "at 0 SGD keeps no buffer; AdamW keeps its own always",
    "optim.weight_decay": "at 0 weights are not added to gradients",
}
"""Fields of which it only matters whether they are set and not 0."""


def probe_key(config: Config) -> str:
    """A short text, equal for configs whose probed metrics must be equal.

    These are the metrics in `snncore.config.metrics.PROBED`, on one device. No files are read: a user's own
    data are identified by their path, not by their content.
    """
    values = canonical(config)
    is_own = ":" in config.model.arch
    for field in WITHOUT_EFFECT:
        if not (is_own and field in NEEDED_IF_OWN):
            _drop(values, field)
    for field in SWITCHES:
        _keep_whether_set(values, field)
    if config.optim.name == "adamw":
        _drop(values, "optim.momentum")
    values["data"] = _samples(config.data, is_own)
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _samples(data: DataConfig, is_own_network: bool) -> dict[str, Any]:
    """What the network depends on: shapes and classes; augmentation and splits change neither."""
    if data.name in OWN_DATA:
        return {"name": data.name, "root": data.root, "size": data.size, "events": data.events}
    spec = asdict(data_spec(data))
    if not is_own_network:  # no built-in one depends on the number of samples
        del spec["n_train"], spec["n_test"]
    return spec


def _drop(values: dict[str, Any], field: str) -> None:
    section, name = _section_of(values, field)
    section.pop(name, None)


def _keep_whether_set(values: dict[str, Any], field: str) -> None:
    section, name = _section_of(values, field)
    if name in section:
        section[name] = bool(section[name])


def _section_of(values: dict[str, Any], field: str) -> tuple[dict[str, Any], str]:
    section, _, name = field.rpartition(".")
    return (values[section] if section else values), name
