"""bf16 on the CPU: the same network, rounded."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.training.session import TrainingSession
from snncore.training.step import Trainer

GRADIENTS: list[dict[str, Any]] = [
    {"gradient": "rate", "distillation": {"mode": "reliable", "branches": [1]}},
    {"gradient": "bptt", "distillation": {"mode": "reliable+strong2weak", "branches": [1]}},
]


def config(precision: str, **fields: Any) -> Config:
    base = {"T": 2, "model": {"width": 0.25}, "data": {"train_limit": 400}, "precision": precision}
    return make_config(base | {"optim": {"epochs": 5, "batch_size": 32, "lr": 0.1}} | fields)


@pytest.mark.parametrize("fields", GRADIENTS, ids=["rate", "bptt"])
def test_a_step_in_bf16_is_close_to_one_in_fp32(fields: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    x, labels = torch.randn(64, 1, 8, 8, generator=generator), torch.arange(64) % 10
    # Two layers of neurons: over more, the few spikes that rounding adds or takes away make many.
    shallow = fields | {"model": {"arch": "tests.snncore.tiny:build"}}
    rounded, exact = (Trainer(config(precision, **shallow), "cpu") for precision in ("bf16", "fp32"))
    initial = {name: value.clone() for name, value in exact.network.named_parameters()}
    for trainer in (rounded, exact):
        trainer.network.train()
    losses = [trainer.step(x, labels).losses for trainer in (rounded, exact)]
    assert losses[0].total != losses[1].total
    assert losses[0].total.dtype == torch.float32
    # Not the KD: which few heads are right by chance at the start changes with the rounding.
    assert float(losses[0].ce) == pytest.approx(float(losses[1].ce), rel=0.01)
    assert float(losses[0].total) == pytest.approx(float(losses[1].total), rel=0.02)
    moved = []
    for name, parameter in rounded.network.named_parameters():
        assert parameter.dtype == torch.float32
        steps = [p.detach() - initial[name] for p in (parameter, exact.network.get_parameter(name))]
        moved.append(torch.stack([step.flatten() for step in steps]))
        assert moved[-1][0].abs().max() > 0, name
    cosine = torch.cosine_similarity(*torch.cat(moved, 1), dim=0)
    assert cosine > 0.98


@pytest.mark.parametrize("fields", GRADIENTS, ids=["rate", "bptt"])
def test_training_in_bf16_learns(fields: dict[str, Any]) -> None:
    session = TrainingSession(config("bf16", **fields))
    epochs = [session.run_epoch() for _ in range(5)]
    assert epochs[-1].train_loss < 0.75 * epochs[0].train_loss
    assert epochs[-1].val_accuracy > 30
