"""The floor under a training step: its convolutions and nothing else, as fast as torch runs them.

T forward runs of the body's convolutions, the stem's included, on a batch of T·N, and one backward pass at
batch N for the gradients of weights and inputs (the stem's input needs none); the branches' convolutions run
forward and backward at batch N. Channels-last, in the precision itself, without autograd and autocast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers.resnet import Parts, Peer
from benchmarks.setting import SIDE, Setting


class Convolution(NamedTuple):
    """One convolution of the network. image: (C, H, W) of its input; in_body: not of a branch."""

    image: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, int]
    padding: tuple[int, int]
    groups: int
    in_body: bool
    is_first: bool


def convolutions(setting: Setting) -> list[Convolution]:
    """Of the network that `setting` names, branches included, in the order in which they run."""
    found: list[Convolution] = []
    with torch.device("meta"):
        network = _Plain(setting)
        body = set(network.body.modules())

        def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            assert isinstance(module, nn.Conv2d)
            conv: Any = module  # torch's types allow words for the padding, and sizes of any length
            image, weight = tuple(inputs[0].shape[1:]), tuple(conv.weight.shape)
            found.append(
                Convolution(image, weight, conv.stride, conv.padding, conv.groups, module in body, not found)
            )

        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(note)
        network.eval()
        network.heads(torch.zeros(1, 3, SIDE, SIDE))
    return found


class _Plain(Peer):
    """The network with nothing in it that is not a convolution, but its classifiers."""

    def __init__(self, setting: Setting) -> None:
        def conv(n_in: int, n_out: int, kernel: int, stride: int) -> nn.Module:
            return nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False)

        parts = Parts(conv, lambda channels: nn.Identity(), nn.Identity)
        super().__init__(parts, setting.arch, setting.width, setting.n_classes, setting.T)

    def over_time(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        stages, logits = self.body(self.body.stem_conv(x))
        return stages, logits


class Floor:
    """The convolutions of a setting with tensors to run on: one for each shape, shared by all of them."""

    def __init__(self, setting: Setting, precision: str) -> None:
        self._N, self._T, self._device = setting.batch_size, setting.T, setting.device
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._generator = torch.Generator().manual_seed(0)
        self._tensors: dict[tuple[int, ...], Tensor] = {}
        self._layers = convolutions(setting)
        self._forward = [self._forward_call(layer) for layer in self._layers]
        self._backward = [self._backward_call(layer) for layer in reversed(self._layers)]

    def train(self) -> None:
        """One step."""
        for call in (*self._forward, *self._backward):
            call()

    def classify(self) -> None:
        """T forward runs of the body alone."""
        for call, layer in zip(self._forward, self._layers, strict=True):
            if layer.in_body:
                call()

    def tensors(self) -> list[Tensor]:
        """What lives between two steps."""
        return list(self._tensors.values())

    def _forward_call(self, layer: Convolution) -> Callable[[], object]:
        x = self._tensor(self._N * (self._T if layer.in_body else 1), *layer.image)
        weight = self._tensor(*layer.weight)
        return lambda: F.conv2d(x, weight, None, layer.stride, layer.padding, 1, layer.groups)

    def _backward_call(self, layer: Convolution) -> Callable[[], object]:
        x, weight = self._tensor(self._N, *layer.image), self._tensor(*layer.weight)
        grad = self._tensor(
            *F.conv2d(
                x.to("meta"), weight.to("meta"), None, layer.stride, layer.padding, 1, layer.groups
            ).shape
        )
        # stride, padding and dilation, not transposed, no output padding
        where = (layer.stride, layer.padding, (1, 1), False, (0, 0), layer.groups)
        wanted = (not layer.is_first, True, False)  # of input, weight, bias
        return lambda: torch.ops.aten.convolution_backward(grad, x, weight, None, *where, wanted)

    def _tensor(self, *shape: int) -> Tensor:
        if shape not in self._tensors:
            values = torch.randn(shape, generator=self._generator).to(self._device, self._dtype)
            self._tensors[shape] = values.contiguous(memory_format=torch.channels_last)
        return self._tensors[shape]
