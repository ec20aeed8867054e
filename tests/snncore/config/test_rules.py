"""Which configs are the same trial: those whose training gives the same bits at the same cost, no others."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from snncore.config.load import make_config, set_field
from snncore.config.rules import BRANCH_MODES, TEMPORAL_MODES, canonical
from snncore.config.schema import Config
from snncore.data.events.frames import frames_of_events
from snncore.data.events.stream import Events
from snncore.data.specs import EVENT_SPECS
from snncore.measure.probe import probe
from snncore.training.optim import lr_at
from snncore.training.step import Trainer

EXACT = ("train_memory_mib", "n_parameters", "macs")
SMALL = {"model": {"width": 0.125}, "optim": {"batch_size": 16}}
VARIANTS = ("ensemble_teacher", "ensemble_student", "cascade")

Fields = dict[str, Any]


def made(fields: Fields) -> Config:
    values = copy.deepcopy(SMALL)
    for name, value in fields.items():
        set_field(values, name, value)
    return make_config(values)


def branches(mode: str = "reliable", **fields: Any) -> Fields:
    named = {f"distillation.{name}": value for name, value in fields.items()}
    return {"distillation.mode": mode, "distillation.branches": [1, 3], **named}


def in_time(mode: str = "strong2weak", **fields: Any) -> Fields:
    named = {f"distillation.{name}": value for name, value in fields.items()}
    return {"gradient": "bptt", "distillation.mode": mode, **named}


BPTT = {"gradient": "bptt"}

ONE_STEP: list[tuple[Fields, Fields]] = [
    ({"neuron.decay": 0.9}, {}),
    ({"neuron.reset": "hard"}, {}),
    ({"neuron.detach_reset": False}, {}),
    ({"neuron.reset": "hard", "neuron.detach_reset": False, "neuron.decay": 0.5}, {}),
    ({"neuron.reset": "hard", "neuron.detach_reset": False, **branches()}, branches()),
    ({"optim.loss_over_T": True}, {}),
]
"""At T = 1, under either gradient."""

PAIRS: list[tuple[Fields, Fields]] = [
    *(({"T": 1, **one}, {"T": 1, **other}) for one, other in ONE_STEP),
    *(({"T": 1, **BPTT, **one}, {"T": 1, **BPTT, **other}) for one, other in ONE_STEP),
    *(({"T": 2, **in_time(variant=variant)}, {"T": 2, **in_time()}) for variant in VARIANTS),
    *(
        ({"T": 2, **in_time(mode, variant="cascade")}, {"T": 2, **in_time(mode)})
        for mode in ("simultaneous", "weak2strong")
    ),
    (
        {"T": 2, **branches(), **in_time("reliable+simultaneous", variant="ensemble_student")},
        {"T": 2, **branches(), **in_time("reliable+simultaneous")},
    ),
    (branches(alpha_on="branches"), branches()),
    (branches("supervised", alpha_on="branches"), branches("supervised")),
    *((branches(mode, beta=0.0), branches("supervised")) for mode in sorted(BRANCH_MODES)),
    (branches(beta=0.0, reliability_threshold=0.5, temperature=7.0), branches("supervised")),
    (branches("deepest", reliability_threshold=0.5), branches("deepest")),
    *((in_time(mode, beta=0.0), {"gradient": "bptt"}) for mode in sorted(TEMPORAL_MODES)),
    (in_time("strong2weak", beta=0.0, temperature=7.0), {"gradient": "bptt"}),
    (
        {**branches(), **in_time("reliable+strong2weak", beta_temporal=0.0)},
        {**branches(), "gradient": "bptt"},
    ),
    (
        {**branches(), **in_time("ensemble+weak2strong", beta=0.0)},
        {**branches(), **in_time("supervised+weak2strong")},
    ),
    ({"T": 1, **branches(), **in_time("deepest+weak2strong")}, {"T": 1, **branches("deepest"), **BPTT}),
    ({"data.size": 8}, {}),
    ({"optim.schedule": "step", "optim.step_epochs": 20}, {"optim.schedule": "constant"}),
    ({"optim.schedule": "step", "optim.step_factor": 1.0}, {"optim.schedule": "constant"}),
    ({"optim.epochs": 1}, {"optim.epochs": 1, "optim.schedule": "constant"}),
    ({"optim.epochs": 1, "optim.schedule": "step"}, {"optim.epochs": 1, "optim.schedule": "constant"}),
]  # fmt: skip
"""The same trials."""


def trained(config: Config) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Weights, statistics and optimizer state after two steps on random images of digits' shape."""
    trainer = Trainer(config, "cpu")
    trainer.network.train()
    trainer.set_lr(lr_at(config.optim, 1))
    generator = torch.Generator().manual_seed(5)
    for _ in range(2):
        x = 2 * torch.randn(16, 1, 8, 8, generator=generator)
        trainer.step(x, torch.randint(10, (16,), generator=generator))
    return dict(trainer.network.state_dict()), trainer.tensors()


@cache
def exact_metrics(config: Config) -> dict[str, float | bool]:
    return probe(config, "cpu", EXACT)


def bits(tensor: Tensor) -> Tensor:
    return tensor.contiguous().view(torch.uint8 if tensor.dtype == torch.bool else torch.int32)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_same_trials_have_the_same_bits_and_cost(one: Fields, other: Fields) -> None:
    a, b = made(one), made(other)
    assert a != b
    assert canonical(a) == canonical(b)
    (weights, state), (weights_b, state_b) = trained(a), trained(b)
    assert weights.keys() == weights_b.keys()
    for name, value in weights.items():
        if value.is_floating_point():
            assert torch.equal(bits(value), bits(weights_b[name])), name
    assert all(torch.equal(x, y) for x, y in zip(state, state_b, strict=True))
    assert exact_metrics(a) == exact_metrics(b)
    rates = [[lr_at(c.optim, epoch) for epoch in range(1, c.optim.epochs + 1)] for c in (a, b)]
    assert rates[0] == rates[1]


OTHERS: list[tuple[Fields, Fields]] = [
    *(({"T": 2, **one}, {"T": 2, **other}) for one, other in ONE_STEP),
    *(({"T": 2, **BPTT, **one}, {"T": 2, **BPTT, **other}) for one, other in ONE_STEP),
    *(({"T": 3, **in_time(variant=variant)}, {"T": 3, **in_time()}) for variant in VARIANTS),
    (branches(alpha_on="branches", alpha=0.9), branches(alpha=0.9)),
    (branches(beta=0.01), branches("supervised")),
    (branches(beta=0.0), {}),
    (in_time(beta=0.01), {"gradient": "bptt"}),
    ({"T": 1, "neuron.v_threshold": 0.5}, {"T": 1}),
    ({"T": 1, "neuron.surrogate_slope": 2.0}, {"T": 1}),
    ({"T": 1, "gradient": "bptt"}, {"T": 1}),  # it costs something else
    ({"data.size": 9}, {}),
    ({"optim.schedule": "step", "optim.step_epochs": 19}, {"optim.schedule": "constant"}),
    ({"optim.epochs": 2}, {"optim.epochs": 2, "optim.schedule": "constant"}),
]  # fmt: skip
"""Other trials, though some differ by little."""


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_other_trials_are_kept_apart(one: Fields, other: Fields) -> None:
    assert canonical(made(one)) != canonical(made(other))


def test_an_own_network_may_use_its_neurons_as_it_likes() -> None:
    own = {"model.arch": "tests.snncore.tiny:build", "T": 1}
    assert canonical(made({**own, "neuron.reset": "hard"})) != canonical(made(own))


@pytest.mark.parametrize("name", ["nmnist", "shd"])
def test_one_frame_holds_all_events(name: str) -> None:
    spec = EVENT_SPECS[name]
    draw = np.random.default_rng(3)
    n = 500
    events = Events(
        t=draw.integers(0, 90_000, n),
        channel=draw.integers(0, spec.channels, n),
        y=draw.integers(0, spec.height, n),
        x=draw.integers(0, spec.width, n),
    )
    by_time, by_count = (frames_of_events(events, 1, spec, None, how) for how in ("time", "count"))
    assert np.array_equal(by_time, by_count)
    if spec.height > 1:
        assert np.array_equal(by_time, frames_of_events(events, 1, spec, spec.height, "time"))
    data = {"name": name, "frames_by": "count"}
    one, other = ({"T": T, "data": data, "model": {"arch": "mlp"}} for T in (1, 2))
    plain = [{**values, "data": {"name": name}} for values in (one, other)]
    assert canonical(make_config(one)) == canonical(make_config(plain[0]))
    assert canonical(make_config(other)) != canonical(make_config(plain[1]))
