"""Packed weights classify as the others do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from snncore.config.load import make_config
from snncore.config.schema import ARCHITECTURES
from snncore.network.network import build_network
from snncore.network.packing import PackedConv2d, packed, tensors_of
from snncore.neuron.precision import forward_precision
from snncore.passes.passes import inference

KNOWS_BF16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
"""Whether oneDNN computes in bfloat16 on this CPU; where it does not, weights stay as they are."""

IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def config(**fields: Any) -> Any:
    base = {"T": 3, "data": {"name": "cifar10"}, "model": {"width": 0.125}}
    return make_config(base | fields)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_gives_the_same_logits(arch: str, precision: str) -> None:
    setting = config(model={"arch": arch, "width": 0.125}, precision=precision)
    network = build_network(setting).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    copy = packed(network, setting)
    convolutions = [layer for layer in network.body.modules() if isinstance(layer, nn.Conv2d)]
    n_packed = sum(isinstance(layer, PackedConv2d) for layer in copy.modules())
    assert n_packed == (len(convolutions) if precision == "fp32" or KNOWS_BF16 else 0)
    assert convolutions
    for images in (IMAGES, IMAGES[:1], IMAGES):  # packed at the first call, for its size; others work too
        with forward_precision(setting, "cpu"):
            got, want = inference(copy, images, 3), inference(network, images, 3)
        assert float(want.float().std()) > 0
        torch.testing.assert_close(got, want, rtol=0, atol=1e-5 if precision == "fp32" else 2e-2)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_branches_are_left_out_and_bytes_are_counted() -> None:
    setting = config(distillation={"mode": "supervised", "branches": [1, 2]})
    network = build_network(setting).eval()
    copy = packed(network, setting)
    assert len(copy.branches) == 0
    kept = [*network.body.parameters(), *network.body.buffers()]
    assert sum(tensor.nbytes for tensor in tensors_of(copy)) == sum(tensor.nbytes for tensor in kept)
    rounded = packed(network, config(precision="bf16"))
    share = sum(tensor.nbytes for tensor in tensors_of(rounded)) / sum(tensor.nbytes for tensor in kept)
    assert share < 0.6 if KNOWS_BF16 else share == 1


def test_what_cannot_be_packed_stays() -> None:
    setting = config()
    network = build_network(setting).double().eval()
    copy = packed(network, setting)
    assert not any(isinstance(layer, PackedConv2d) for layer in copy.modules())
    images = IMAGES.double()
    torch.testing.assert_close(inference(copy, images, 3), inference(network, images, 3), rtol=0, atol=0)
