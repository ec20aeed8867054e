"""Synaptic operations against a count spike by spike."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.evaluation.operations import count_operations
from snncore.network.network import NetworkOutput, SpikingNetwork
from snncore.neuron.quiet import quiet_spikingjelly
from snncore.passes.passes import EvalPass, Pass
from tests.snncore.tiny import TinyBody, run_tiny, tiny_network

T, N = 4, 3
NEURON = NeuronConfig(decay=0.5)


def fan_out(conv: nn.Conv2d, height: int, width: int, row: int, column: int) -> int:
    """Weights that a spike at (row, column) of one channel meets, by trying every output and kernel place."""
    k, stride, padding = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])
    n_rows, n_columns = ((size + 2 * padding - k) // stride + 1 for size in (height, width))
    met = 0
    for out_row in range(n_rows):
        for out_column in range(n_columns):
            in_rows = range(out_row * stride - padding, out_row * stride - padding + k)
            in_columns = range(out_column * stride - padding, out_column * stride - padding + k)
            met += row in in_rows and column in in_columns
    return met * conv.out_channels


def synops_of(conv: nn.Conv2d, spikes: Tensor) -> int:
    """spikes: (T, N, C, H, W)."""
    *_, height, width = spikes.shape
    places = spikes.nonzero().tolist()
    return sum(fan_out(conv, height, width, row, column) for *_, row, column in places)


def frames(most: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, most + 1, (T, N, 1, 4, 4), generator=generator).double()


LABELS = torch.zeros(N, dtype=torch.int64)


def test_a_still_image_costs_multiplications_once_and_spikes_cost_additions() -> None:
    network = tiny_network(NEURON)
    body = network.body
    assert isinstance(body, TinyBody)
    x = frames(9)[0] / 7  # analogue
    run = run_tiny(network, x.expand(T, *x.shape))
    expected = synops_of(body.conv, run.first) + synops_of(body.shortcut, run.first)
    stem = 16 * 9 * 2  # 4 × 4 places, 3 × 3 kernel, 1 -> 2 channels; border and all, as a dense machine does
    classifier = T * 3 * 3  # on means of spikes, 3 channels -> 3 classes
    counted = count_operations(network, T, [(x, LABELS)])
    assert counted.synops == expected / N
    assert counted.analogue_macs == stem + classifier
    energy = (0.9 * expected / N + 4.6 * (stem + classifier)) * 1e-6
    assert counted.energy_uj == pytest.approx(energy, rel=1e-12)
    assert expected > 0


def test_frames_of_zeros_and_ones_are_spikes_and_counts_are_not() -> None:
    network = tiny_network(NEURON, has_time=True)
    body = network.body
    assert isinstance(body, TinyBody)
    classifier = T * 3 * 3
    for most in (1, 2):
        run = run_tiny(network, frames(most))
        deep = synops_of(body.conv, run.first) + synops_of(body.shortcut, run.first)
        counted = count_operations(network, T, [(frames(most), LABELS)])
        if most == 1:
            assert counted.synops == (deep + synops_of(body.stem, frames(1))) / N
            assert counted.analogue_macs == classifier
        else:
            assert counted.synops == deep / N
            assert counted.analogue_macs == classifier + T * 16 * 9 * 2


def test_counts_are_means_over_all_samples() -> None:
    network = tiny_network(NEURON)
    x = frames(9) / 7
    alone = [count_operations(network, T, [(part, LABELS)]) for part in x[:2]]
    both = count_operations(network, T, [(part, LABELS) for part in x[:2]])
    assert both.synops == pytest.approx((alone[0].synops + alone[1].synops) / 2)


def test_no_samples_give_nan() -> None:
    counted = count_operations(tiny_network(), T, [])
    assert math.isnan(counted.synops)
    assert math.isnan(counted.energy_uj)


def test_training_mode_and_statistics_are_left_as_they_were() -> None:
    network = tiny_network(NEURON).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count_operations(network, T, [(frames(9)[0] / 7, LABELS)])
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("options", [{"padding": "same"}, {"padding": 1, "padding_mode": "circular"}])
def test_padding_by_name_meets_the_weights_it_covers(options: dict[str, Any]) -> None:
    network = tiny_network(NEURON)
    body = network.body
    assert isinstance(body, TinyBody)
    torch.manual_seed(0)  # with other weights the pooled rates may all be 0 or 1, and so count as spikes
    body.conv = nn.Conv2d(2, 3, 3, **options).double()
    body.shortcut = nn.Conv2d(2, 3, 1).double()
    x = frames(9)[0] / 7
    run = run_tiny(network, x.expand(T, *x.shape))
    if options["padding"] == "same":
        deep = synops_of(nn.Conv2d(2, 3, 3, padding=1), run.first)
    else:
        deep = int(run.first.detach().sum()) * 9 * 3  # no spike lies at a border
    expected = deep + synops_of(body.shortcut, run.first)
    assert count_operations(network, T, [(x, LABELS)]).synops == expected / N


@pytest.mark.parametrize("has_time", [False, True])
def test_the_counts_are_those_of_spikingjellys_own_mode(has_time: bool) -> None:
    network = tiny_network(NEURON, has_time=has_time, channels=2)
    generator = torch.Generator().manual_seed(5)
    shape = (T, N, 2, 4, 4) if has_time else (N, 2, 4, 4)
    x = torch.randint(0, 2 if has_time else 5, shape, generator=generator).double()
    with quiet_spikingjelly():
        from spikingjelly.activation_based import op_counter
    synops, macs = op_counter.SynOpCounter(), op_counter.MACCounter()
    del macs.rules[torch.ops.aten.native_batch_norm.default]
    with torch.no_grad(), op_counter.DispatchCounterMode([synops, macs]):
        network(x, EvalPass(T))
    counted = count_operations(network, T, [(x, LABELS)])
    assert counted.synops == synops.get_total() / N
    assert counted.analogue_macs == macs.get_total() / N


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_low_precision_does_not_round_the_counts(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    network = SpikingNetwork(WideBody(), DataSpec(2, 67, 8, 8, 10, 10, has_time=True)).to(device)
    # 603 weights under a kernel, and bfloat16 counts in ones to 256
    x = torch.ones(1, 1, 67, 8, 8, device=device)
    exact = count_operations(network, 1, [(x, LABELS[:1])])
    with torch.autocast(device, dtype=torch.bfloat16):
        assert count_operations(network, 1, [(x, LABELS[:1])]).synops == exact.synops
    assert exact.synops == 67 * 65 * (6 * 6 * 9 + 4 * 6 * 6 + 4 * 4)


class WideBody(nn.Module):
    """One convolution; what comes out of it does not matter."""

    stage_channels = ()

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(67, 65, 3, padding=1)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        return NetworkOutput([], run.enter(self.conv, x, True).mean((2, 3)))
