"""The floor runs the convolutions of the network, all of them and no others."""

from __future__ import annotations

from math import prod

import pytest
import torch
from torch.nn import functional as F

from benchmarks.floor import Convolution, Floor, convolutions
from benchmarks.setting import Setting
from snncore.measure.cost import count_macs
from snncore.network.network import build_network

SETTING = Setting(arch="resnet18", width=0.125, n_classes=10, T=3, batch_size=2, device="cpu")


def macs(layer: Convolution, n: int) -> int:
    x, weight = torch.zeros(n, *layer.image, device="meta"), torch.zeros(layer.weight, device="meta")
    out = F.conv2d(x, weight, None, layer.stride, layer.padding, 1, layer.groups)
    return out.numel() * prod(layer.weight[1:])


def test_the_body_has_the_multiplications_that_the_trainer_counts() -> None:
    body = [layer for layer in convolutions(SETTING) if layer.in_body]
    network = build_network(SETTING.config())
    classifier = 64 * 10  # 512 channels at width 1
    stem, *others = (macs(layer, 1) for layer in body)
    T = SETTING.T
    assert stem + T * (sum(others) + classifier) == count_macs(network, T)
    assert len(body) == 1 + 4 * 4 + 3
    assert [layer.is_first for layer in body] == [True] + [False] * 19


def test_branches_have_five_convolutions_a_halving_block() -> None:
    branches = [layer for layer in convolutions(SETTING) if not layer.in_body]
    assert len(branches) == 5 * (3 + 2 + 1)
    network = build_network(SETTING.config())
    weights = [p.shape for p in network.branches.parameters() if p.dim() == 4]
    assert sorted(tuple(weight) for weight in weights) == sorted(layer.weight for layer in branches)


@pytest.mark.slow
def test_forward_runs_on_all_time_steps_and_backward_on_the_batch() -> None:
    floor = Floor(SETTING, "fp32")
    layers = convolutions(SETTING)
    for layer, call in zip(layers, floor._forward, strict=True):
        out = call()
        assert isinstance(out, torch.Tensor)
        assert len(out) == SETTING.batch_size * (SETTING.T if layer.in_body else 1)
        assert out.is_contiguous(memory_format=torch.channels_last)
    for layer, call in zip(reversed(layers), floor._backward, strict=True):
        of_input, of_weight, of_bias = call()  # type: ignore[misc]
        assert of_weight.shape == layer.weight
        assert of_bias is None
        if layer.is_first:
            assert of_input is None
        else:
            assert of_input.shape == (SETTING.batch_size, *layer.image)


def test_bf16_means_tensors_in_bfloat16() -> None:
    floor = Floor(SETTING, "bf16")
    floor.train()
    floor.classify()
    assert {tensor.dtype for tensor in floor.tensors()} == {torch.bfloat16}
