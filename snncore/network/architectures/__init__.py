"""Network bodies, one module each with `build(spec, width, neuron)`; imported on first use."""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from snncore.config.own_arch import load_factory, refused
from snncore.config.schema import ModelConfig, NeuronConfig
from snncore.data.specs import DataSpec


def make_body(model: ModelConfig, spec: DataSpec, neuron: NeuronConfig) -> nn.Module:
    """The body that `model.arch` names: a built-in one, or a user's `package.module:factory`.

    Raises:
        ConfigError: the user's factory cannot be imported, or its result does not follow the interface
            (docs/architectures.md).
    """
    factory = load_factory(model.arch)
    if factory is None:
        module = importlib.import_module(f"snncore.network.architectures.{model.arch}")
        body: nn.Module = module.build(spec, model.width, neuron)
        return body
    body = factory(spec, model.width, neuron)
    _check(body, model.arch)
    return body


def _check(body: Any, arch: str) -> None:
    if not isinstance(body, nn.Module):
        raise refused(arch, f"made a {type(body).__name__}, should make a torch.nn.Module")
    channels = getattr(body, "stage_channels", None)
    if not isinstance(channels, tuple) or not all(isinstance(n, int) and n > 0 for n in channels):
        raise refused(arch, f"stage_channels is {channels!r}, should be a tuple of channels, one per stage")
