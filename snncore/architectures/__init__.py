"""Network bodies, one module each with `build(spec, width, neuron)`; loaded when asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from snncore.config import ModelConfig, NeuronConfig
from snncore.data.specs import DataSpec
from snncore.errors import ConfigError, Problem

Factory = Callable[[DataSpec, float, NeuronConfig], nn.Module]


def make_body(model: ModelConfig, spec: DataSpec, neuron: NeuronConfig) -> nn.Module:
    """The body that `model.arch` names: a built-in one, or a user's `package.module:factory`.

    Raises:
        ConfigError: the user's factory cannot be imported, or what it makes does not follow the
            interface (docs/architectures.md).
    """
    if ":" not in model.arch:
        module = importlib.import_module(f"snncore.architectures.{model.arch}")
        body: nn.Module = module.build(spec, model.width, neuron)
        return body
    body = _users_factory(model.arch)(spec, model.width, neuron)
    _check(body, model.arch)
    return body


def _users_factory(arch: str) -> Factory:
    module_name, _, name = arch.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # as it is where Python was started with -m
        sys.path.append(here)
    try:
        factory: Any = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise _refused(arch, f"cannot be imported: {error}") from error
    if not callable(factory):
        raise _refused(arch, "is not callable")
    made: Factory = factory
    return made


def _check(body: Any, arch: str) -> None:
    if not isinstance(body, nn.Module):
        raise _refused(arch, f"made a {type(body).__name__}, should make a torch.nn.Module")
    channels = getattr(body, "stage_channels", None)
    if not isinstance(channels, tuple) or not all(isinstance(n, int) and n > 0 for n in channels):
        raise _refused(arch, f"stage_channels is {channels!r}, should be a tuple of channels, one per stage")


def _refused(arch: str, reason: str) -> ConfigError:
    return ConfigError([Problem("model.arch", f"{arch}: {reason}; see docs/architectures.md")], "config")
