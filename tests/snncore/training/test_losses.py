"""Losses against golden values (P1) and against loops written here (P2, the ablations)."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from snncore.config.load import make_config
from snncore.config.rules import BRANCH_MODES, TEMPORAL_MODES
from snncore.config.schema import Config
from snncore.training.gradient import Outputs
from snncore.training.losses import (
    BranchDistillation,
    TemporalDistillation,
    distillation_loss,
    is_reliable,
    make_loss,
    reliable_teacher,
    step_order,
)

UNITS = np.load(Path(__file__).parents[2] / "golden" / "units.npz")


def branch_config(mode: str, **fields: object) -> Config:
    return make_config({"distillation": {"mode": mode, "branches": [1, 2, 3], **fields}})


def temporal_config(mode: str, variant: str = "pair", **fields: object) -> Config:
    return make_config(
        {"gradient": "bptt", "distillation": {"mode": mode, "variant": variant, **fields}},
    )


def kl(teacher: Tensor, student: Tensor, tau: float) -> float:
    """τ²·KL of one pair of logit vectors, term by term."""
    p, q = (teacher / tau).softmax(-1), (student / tau).softmax(-1)
    return tau**2 * sum(float(a) * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize("case", ["loss0", "loss1", "loss2"])
def test_reliable_teacher_reproduces_the_published_values(case: str) -> None:
    heads = torch.from_numpy(UNITS[f"{case}/heads"]).requires_grad_()
    labels = torch.from_numpy(UNITS[f"{case}/labels"])
    teacher, has_teacher = reliable_teacher(heads, is_reliable(heads, labels, 0.0))
    want = torch.from_numpy(UNITS[f"{case}/teacher"])
    assert torch.equal(has_teacher, torch.from_numpy(UNITS[f"{case}/reliable_samples"]))
    torch.testing.assert_close(teacher, want, rtol=1e-5, atol=1e-6)
    kd = distillation_loss(heads, teacher, 3.0, has_teacher)
    (grad,) = torch.autograd.grad(kd.sum(), heads)
    if f"{case}/kd" in UNITS:
        golden_kd = torch.from_numpy(UNITS[f"{case}/kd"]).float()
        golden_grad = torch.from_numpy(UNITS[f"{case}/grad_heads"])
        assert float((kd.detach() - golden_kd).norm() / golden_kd.norm()) < 1e-5
        assert float((grad - golden_grad).norm() / golden_grad.norm()) < 1e-5
    else:
        assert kd.tolist() == [0.0] * len(heads)
        assert not grad.any()


def test_a_batch_without_any_reliable_head_gives_a_finite_loss_and_gradient() -> None:
    heads = torch.from_numpy(UNITS["loss2/heads"]).requires_grad_()
    labels = torch.from_numpy(UNITS["loss2/labels"])
    losses = make_loss(branch_config("reliable"))(Outputs(heads, None), labels)
    losses.total.backward()
    assert losses.kd.item() == 0
    assert torch.isfinite(losses.total)
    assert heads.grad is not None
    assert torch.isfinite(heads.grad).all()


def test_a_threshold_above_zero_asks_for_probability_too() -> None:
    heads = torch.tensor([[[2.0, 0.0]], [[0.1, 0.0]], [[0.0, 2.0]]])  # right sure, right unsure, wrong
    labels = torch.tensor([0])
    assert is_reliable(heads, labels, 0.0).flatten().tolist() == [True, True, False]
    assert is_reliable(heads, labels, 0.6).flatten().tolist() == [True, False, False]
    assert is_reliable(heads, labels, 0.99).flatten().tolist() == [False, False, False]


@pytest.mark.parametrize("mode", sorted(BRANCH_MODES))
def test_branch_modes_against_a_loop_over_samples(mode: str) -> None:
    generator = torch.Generator().manual_seed(4)
    heads = torch.randn(4, 6, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(5, (6,), generator=generator)
    config = branch_config(mode, alpha=0.7, beta=0.4, temperature=2.5)
    losses = make_loss(config)(Outputs(heads, None), labels)

    ce = sum(
        -float(head[b].log_softmax(-1)[labels[b]]) / len(labels) for head in heads for b in range(len(labels))
    )
    kd = 0.0
    for head_index, head in enumerate(heads):
        terms = []
        for b in range(len(labels)):
            right = [z[b] for z in heads if int(z[b].argmax()) == int(labels[b])]
            if mode == "reliable" and right:
                terms.append(kl(torch.stack(right).mean(0), head[b], 2.5))
            elif mode == "ensemble":
                terms.append(kl(heads[:, b].mean(0), head[b], 2.5))
            elif mode == "deepest" and head_index < len(heads) - 1:
                terms.append(kl(heads[-1, b], head[b], 2.5))
        kd += sum(terms) / len(terms) if terms else 0.0
    assert losses.ce.item() == pytest.approx(ce, rel=1e-12)
    assert losses.kd.item() == pytest.approx(kd, rel=1e-10, abs=1e-15)
    assert losses.total.item() == pytest.approx(0.7 * ce + 0.4 * kd, rel=1e-10)
    assert losses.reliable_share.shape == (4,)


def temporal_oracle(steps: Tensor, mode: str, variant: str, tau: float) -> float:
    """P2's KD, from its definition in words."""
    T, n = steps.shape[:2]
    confidence = [sum(float(steps[t, b].softmax(-1).max()) for b in range(n)) / n for t in range(T)]
    strong_first = sorted(range(T), key=lambda t: -confidence[t])

    def mean_kl(teacher: Tensor, student: Tensor) -> float:
        return sum(kl(teacher[b], student[b], tau) for b in range(n)) / n

    def direction(order: list[int]) -> float:
        first, last = order[0], order[-1]
        if variant == "pair":
            return mean_kl(steps[first], steps[last])
        if variant == "ensemble_teacher":
            return mean_kl(torch.stack([steps[t] for t in range(T) if t != last]).mean(0), steps[last])
        if variant == "ensemble_student":
            return mean_kl(steps[first], torch.stack([steps[t] for t in range(T) if t != first]).mean(0))
        return sum(mean_kl(steps[a], steps[b]) for a, b in pairwise(order)) / (T - 1)

    return (direction(strong_first) if mode != "weak2strong" else 0.0) + (
        direction(strong_first[::-1]) if mode != "strong2weak" else 0.0
    )


@pytest.mark.parametrize("variant", ["pair", "ensemble_teacher", "ensemble_student", "cascade"])
@pytest.mark.parametrize("mode", sorted(TEMPORAL_MODES))
def test_temporal_modes_against_the_definition(mode: str, variant: str) -> None:
    steps = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1])
    outputs = Outputs(steps.mean(0, keepdim=True), steps)
    losses = make_loss(temporal_config(mode, variant, beta=0.8))(outputs, labels)
    assert losses.kd.item() == pytest.approx(temporal_oracle(steps, mode, variant, 2.0), rel=1e-10)
    ce = torch.nn.functional.cross_entropy(steps.mean(0), labels)
    assert losses.total.item() == pytest.approx(ce.item() + 0.8 * losses.kd.item(), rel=1e-12)


@pytest.mark.parametrize("spatial", sorted(BRANCH_MODES))
@pytest.mark.parametrize("temporal", sorted(TEMPORAL_MODES))
def test_combined_modes_are_the_sum_of_their_parts(spatial: str, temporal: str) -> None:
    generator = torch.Generator().manual_seed(8)
    steps = torch.randn(3, 6, 4, generator=generator, dtype=torch.float64)
    branches = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (6,), generator=generator)
    outputs = Outputs(torch.cat([branches, steps.mean(0, keepdim=True)]), steps)
    setting = {"alpha": 0.7, "beta": 0.4, "branches": [1, 2], "variant": "cascade"}
    combined = make_config(
        {
            "gradient": "bptt",
            "distillation": setting | {"mode": f"{spatial}+{temporal}", "beta_temporal": 0.6},
        }
    )
    both = make_loss(combined)(outputs, labels)
    alone = make_loss(branch_config(spatial, **(setting | {"variant": "pair"})))(outputs, labels)
    between_steps = make_loss(temporal_config(temporal, "cascade"))(outputs, labels)
    assert between_steps.kd.item() > 0
    assert both.total.item() == pytest.approx(alone.total.item() + 0.6 * between_steps.kd.item(), rel=1e-12)
    assert both.kd.item() == pytest.approx(alone.kd.item() + between_steps.kd.item(), rel=1e-12)
    assert both.ce.item() == pytest.approx(alone.ce.item(), rel=1e-12)


def test_alpha_may_weigh_the_branches_only() -> None:
    heads = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0])
    ces = [torch.nn.functional.cross_entropy(head, labels).item() for head in heads]
    config = branch_config("supervised", alpha=0.7, alpha_on="branches", branches=[1, 2])
    total = make_loss(config)(Outputs(heads, None), labels).total.item()
    assert total == pytest.approx(0.7 * (ces[0] + ces[1]) + ces[2], rel=1e-12)


@pytest.mark.parametrize("mode", ["none", "supervised", "strong2weak"])
def test_label_smoothing_is_that_of_torch(mode: str) -> None:
    heads = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(10), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0])
    config = make_config(
        {
            "gradient": "bptt",
            "distillation": {"mode": mode, "branches": [1] if mode == "supervised" else [], "beta": 0.0},
            "optim": {"label_smoothing": 0.2},
        }
    )
    losses = make_loss(config)(Outputs(heads, heads), labels)
    used = heads if mode == "supervised" else heads[-1:]
    want = sum(torch.nn.functional.cross_entropy(head, labels, label_smoothing=0.2).item() for head in used)
    assert losses.total.item() == pytest.approx(want, rel=1e-12)


def test_the_teaching_step_gets_no_gradient() -> None:
    steps = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(6), requires_grad=True)
    order = step_order(steps)
    loss_function = make_loss(temporal_config("strong2weak"))
    assert isinstance(loss_function, TemporalDistillation)
    losses = loss_function(Outputs(steps.mean(0, keepdim=True), steps), torch.zeros(4, dtype=torch.long))
    (grad,) = torch.autograd.grad(losses.kd, steps)
    assert grad[order[-1]].abs().sum() > 0
    assert not grad[order[0]].any()
    assert not grad[order[1]].any()


@pytest.mark.parametrize("mode", sorted(TEMPORAL_MODES))
def test_one_step_has_no_pair(mode: str) -> None:
    steps = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(7))
    losses = make_loss(temporal_config(mode))(Outputs(steps, steps), torch.tensor([0, 1, 2, 0]))
    assert losses.kd.item() == 0


def test_published_temperatures_are_the_defaults() -> None:
    branch, temporal = (
        make_loss(branch_config("reliable")),
        make_loss(temporal_config("weak2strong")),
    )
    assert isinstance(branch, BranchDistillation)
    assert isinstance(temporal, TemporalDistillation)
    assert (branch.temperature, temporal.temperature) == (3.0, 2.0)
