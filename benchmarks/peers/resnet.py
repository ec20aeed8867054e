"""The residual network of `snncore.network.architectures.resnet`, with layers that a library provides.

Its parameters carry the names they have in snncore, so that weights can be copied. Shapes: M is what a
library puts in front of (C, H, W): N for one step at a time, (T, N) for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from snncore.network.branch import Branch

CHANNELS = {"resnet18": (64, 128, 256, 512)}
N_BLOCKS = {"resnet18": (2, 2, 2, 2)}


@dataclass(frozen=True)
class Parts:
    """What a library provides.

    conv(n_in, n_out, kernel, stride), padded to keep the size at stride 1 and without bias; norm(channels);
    neuron().
    """

    conv: Callable[[int, int, int, int], nn.Module]
    norm: Callable[[int], nn.Module]
    neuron: Callable[[], nn.Module]


class Block(nn.Module):
    """conv, norm, neuron, conv, norm, + shortcut, neuron."""

    def __init__(self, n_in: int, n_out: int, stride: int, parts: Parts) -> None:
        super().__init__()
        self.conv1 = parts.conv(n_in, n_out, 3, stride)
        self.norm1 = parts.norm(n_out)
        self.lif1 = parts.neuron()
        self.conv2 = parts.conv(n_out, n_out, 3, 1)
        self.norm2 = parts.norm(n_out)
        self.has_shortcut = stride != 1 or n_in != n_out
        if self.has_shortcut:
            self.shortcut = parts.conv(n_in, n_out, 1, stride)
            self.shortcut_norm = parts.norm(n_out)
        self.lif2 = parts.neuron()

    def forward(self, x: Tensor) -> Tensor:
        """(M, n_in, H, W) -> (M, n_out, H/stride, W/stride)."""
        y = self.lif1(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.has_shortcut:
            x = self.shortcut_norm(self.shortcut(x))
        out: Tensor = self.lif2(y + x)
        return out


class Body(nn.Module):
    """Everything behind the stem's convolution, which runs once for all steps, as it does in snncore."""

    def __init__(
        self, parts: Parts, channels: tuple[int, ...], n_blocks: tuple[int, ...], n_classes: int
    ) -> None:
        super().__init__()
        self.stem_conv = nn.Conv2d(3, channels[0], 3, padding=1, bias=False)
        self.stem_norm = parts.norm(channels[0])
        self.stem_lif = parts.neuron()
        self.stages = nn.ModuleList()
        n_in = channels[0]
        for index, (n_out, n) in enumerate(zip(channels, n_blocks, strict=True)):
            blocks = [Block(n_in, n_out, 1 if index == 0 else 2, parts)]
            blocks += [Block(n_out, n_out, 1, parts) for _ in range(n - 1)]
            self.stages.append(nn.Sequential(*blocks))
            n_in = n_out
        self.classifier = nn.Linear(n_in, n_classes)

    def forward(self, current: Tensor) -> tuple[list[Tensor], Tensor]:
        """The stem's currents (M, C, H, W) -> the output of each stage, and logits (M, n_classes)."""
        x = self.stem_lif(self.stem_norm(current))
        stages = []
        for stage in self.stages:
            x = stage(x)
            stages.append(x)
        return stages, self.classifier(x.mean((-2, -1)))


class Peer(nn.Module):
    """A body with branches after all stages but the last; libraries say how it is run over T steps."""

    def __init__(self, parts: Parts, arch: str, width: float, n_classes: int, T: int) -> None:
        super().__init__()
        channels = tuple(max(1, round(n * width)) for n in CHANNELS[arch])
        self.T = T
        self.body = Body(parts, channels, N_BLOCKS[arch], n_classes)
        n_stages = len(channels)
        self.branches = nn.ModuleDict(
            {
                str(stage): Branch(channels[stage - 1], n_stages - stage, n_classes)
                for stage in range(1, n_stages)
            }
        )

    def over_time(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Images (N, 3, H, W) -> per stage the mean of its spikes over T, (N, C, H, W); logits (N, K)."""
        raise NotImplementedError

    def forget(self) -> None:
        """Drop what neurons keep from one batch to the next."""

    def heads(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> logits of all heads, (L, N, K), branches first."""
        self.forget()
        rates, logits = self.over_time(x)
        branches = [branch(rates[int(stage) - 1]) for stage, branch in self.branches.items()]
        return torch.stack([*branches, logits])

    def logits(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> logits (N, K) of the deployed network; branches are not run."""
        self.forget()
        return self.over_time(x)[1]
