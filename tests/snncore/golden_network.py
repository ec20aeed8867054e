"""Golden values of a whole network, computed with P1's published code (method.md: golden values).

Every array is drawn by its published name, so that weights need not be stored.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snncore.network.network import SpikingNetwork

FOLDER = Path(__file__).parents[1] / "golden"

_NAMES = [
    (r"^conv0\.0", "body.stem_conv"),
    (r"^conv0\.1", "body.stem_norm"),
    (r"^conv0\.2", "body.stem_lif"),
    (r"^classifier\.0", "body.classifier"),
    (r"^fc(\d)", r"branches.\1.classifier"),
    (r"^scala(\d)\.(\d)", r"branches.\1.blocks.\2"),
    (r"\.op\.0", ".depthwise1"),
    (r"\.op\.1", ".pointwise1"),
    (r"\.op\.2", ".norm1"),
    (r"\.op\.4", ".depthwise2"),
    (r"\.op\.5", ".pointwise2"),
    (r"\.op\.6", ".norm2"),
    (r"\.residual", ".shortcut"),
    (r"\.res_bn", ".shortcut_norm"),
    (r"\.bn(\d)", r".norm\1"),
    (r"\.spike(\d)", r".lif\1"),
    (r"\.shortcut\.0", ".shortcut"),
    (r"\.shortcut\.1", ".shortcut_norm"),
]


def our_name(published: str) -> str:
    """The name here of a parameter, buffer or layer of the published network."""
    layer = re.match(r"^layer(\d)", published)
    name = f"body.stages.{int(layer[1]) - 1}{published[layer.end() :]}" if layer else published
    for pattern, ours in _NAMES:
        name = re.sub(pattern, ours, name)
    return name


class Golden:
    """One file: its setting, its inputs and weights as they are drawn, and what must come out."""

    def __init__(self, file: str) -> None:
        with np.load(FOLDER / file) as arrays:
            self.values = {key: np.array(arrays[key]) for key in arrays.files}
        self.meta: dict[str, Any] = json.loads(str(self.values.pop("meta")))
        self.shapes = {name: tuple(shape) for name, shape in self.meta["params"]}
        self.T, self.B = self.meta["T"], self.meta["B"]
        self.has_events = self.meta.get("events", False)

    def draw(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return self._generator(name).standard_normal(shape)

    def _generator(self, name: str) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(f"{self.meta['seed']}:{name}".encode()))

    def x(self) -> Tensor:
        """(N, C, H, W), or event frames (T, N, C, H, W)."""
        size = self.meta["size"]
        shape = (self.T, self.B, 2, size, size) if self.has_events else (self.B, 3, size, size)
        drawn = self.draw("input", shape).astype(np.float32)
        frames = 2.0 * (drawn > 1) if self.has_events else drawn
        return torch.from_numpy(frames.astype(np.float64))

    def labels(self) -> Tensor:
        return torch.from_numpy(self._generator("labels").integers(0, self.meta["classes"], self.B))

    def parameter(self, name: str) -> Tensor:
        """Float64 of float32 precision."""
        shape = self.shapes[name]
        drawn = self.draw(name, shape)
        match len(shape):
            case 4:
                drawn = drawn * np.sqrt(2 / np.prod(shape[1:]))
            case 2:
                drawn = drawn / np.sqrt(shape[1])
            case _:
                drawn = 0.1 * drawn + (1.0 if name.endswith(".weight") else 0.0)
        return torch.from_numpy(drawn.astype(np.float32).astype(np.float64))

    def fill(self, network: SpikingNetwork) -> None:
        """Put the drawn weights into a float64 network: all of its parameters."""
        parameters = dict(network.named_parameters())
        assert {our_name(name) for name in self.shapes} == set(parameters)
        with torch.no_grad():
            for name in self.shapes:
                parameters[our_name(name)].copy_(self.parameter(name))

    def projection(self, name: str) -> Tensor:
        """What the gradient of a parameter is multiplied with for `gproj`."""
        return torch.from_numpy(self.draw(f"proj:{name}", self.shapes[name]))


def deviation(ours: Tensor, golden: NDArray[Any]) -> float:
    """Norm of the difference over the norm of the golden value."""
    expected = torch.from_numpy(np.asarray(golden, dtype=np.float64))
    assert ours.shape == expected.shape
    return float((ours.double() - expected).norm() / expected.norm())
