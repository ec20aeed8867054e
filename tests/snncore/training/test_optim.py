"""The learning rate as a function of the epoch, weight decay on weights, clipping, the moving average."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from snncore.config.load import make_config
from snncore.config.schema import OptimConfig
from snncore.network.network import build_network
from snncore.training.ema import MovingAverage
from snncore.training.optim import clip_gradients, lr_at, make_optimizer


def optim(**fields: Any) -> OptimConfig:
    return make_config({"optim": fields}).optim


def test_cosine_falls_from_lr_towards_zero() -> None:
    setting = optim(lr=0.4, epochs=10)
    assert lr_at(setting, 1) == 0.4
    assert lr_at(setting, 6) == pytest.approx(0.2)
    assert lr_at(setting, 10) == pytest.approx(0.2 * (1 + math.cos(0.9 * math.pi)))


def test_steps_fall_every_step_epochs() -> None:
    setting = optim(lr=0.1, epochs=100, schedule="step", step_epochs=30, step_factor=0.1)
    lrs = [lr_at(setting, epoch) for epoch in (1, 30, 31, 60, 61, 90, 91, 100)]
    assert lrs == pytest.approx([0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4])


def test_constant_stays() -> None:
    setting = optim(lr=0.3, epochs=5, schedule="constant")
    assert {lr_at(setting, epoch) for epoch in range(1, 6)} == {0.3}


@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
def test_warmup_rises_linearly_to_the_schedule(schedule: str) -> None:
    cold = optim(lr=0.4, epochs=20, schedule=schedule, step_epochs=4)
    warm = optim(lr=0.4, epochs=20, schedule=schedule, step_epochs=4, warmup_epochs=3)
    factors = [lr_at(warm, epoch) / lr_at(cold, epoch) for epoch in range(1, 21)]
    assert factors == pytest.approx([0.25, 0.5, 0.75] + [1.0] * 17)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_weight_decay_acts_on_weights_only(name: str) -> None:
    config = make_config(
        {
            "model": {"arch": "tests.snncore.tiny:build"},
            "distillation": {"mode": "reliable", "branches": [1]},
            "optim": {"name": name, "lr": 0.1, "weight_decay": 0.5},
        }
    )
    network = build_network(config)
    before = {key: value.clone() for key, value in network.named_parameters()}
    optimizer = make_optimizer(network, config.optim)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    shrunk = {key for key, value in network.named_parameters() if not torch.equal(value, before[key])}
    weights = {
        f"{key}.weight"
        for key, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    assert shrunk == weights
    for key in weights:
        torch.testing.assert_close(network.get_parameter(key).detach(), 0.95 * before[key])


def test_clipping_scales_all_gradients_together() -> None:
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    parameters[0].grad, parameters[1].grad = torch.tensor([2.0, 3.0]), torch.tensor([6.0])  # norm 7
    clip_gradients(parameters, None)
    assert parameters[1].grad.tolist() == [6.0]
    clip_gradients(parameters, 8.0)
    assert parameters[1].grad.tolist() == [6.0]
    clip_gradients(parameters, 3.5)
    assert parameters[0].grad.tolist() == pytest.approx([1.0, 1.5], rel=1e-5)
    assert parameters[1].grad.tolist() == pytest.approx([3.0], rel=1e-5)


def test_the_moving_average_is_the_weighted_mean_of_the_states() -> None:
    config = make_config({"model": {"arch": "tests.snncore.tiny:build"}})
    network = build_network(config).double()
    average = MovingAverage(network, 0.75)
    generator = torch.Generator().manual_seed(0)
    states = []
    for _ in range(5):
        with torch.no_grad():
            for tensor in network.state_dict().values():
                if tensor.is_floating_point():
                    tensor.copy_(torch.randn(tensor.shape, generator=generator))
                else:
                    tensor += 1
        states.append({key: value.clone() for key, value in network.state_dict().items()})
        average.update(network)
    powers = [0.75 ** (4 - i) for i in range(5)]
    for key, mean in average.network.state_dict().items():
        if mean.is_floating_point():
            total = sum(power * state[key] for power, state in zip(powers, states, strict=True))
            torch.testing.assert_close(mean, total / sum(powers))
        else:
            assert int(mean) == 5
    assert any("running_var" in key for key in average.network.state_dict())
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
