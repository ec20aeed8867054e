"""Losses: cross-entropy, and self-distillation between branch heads (P1) or between time steps (P2).

Shapes: heads (L, N, K) logits, the network's own head last; step_logits (T, N, K); labels (N,).
Every sum over samples is masked, never indexed: memory does not depend on how many heads are right.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from snncore.config import Config, DistillationConfig
from snncore.gradient import Outputs
from snncore.rules import BRANCH_MODES, TEMPORAL_MODES, default_temperature


class Losses(NamedTuple):
    """total: what is minimised; ce and kd: its two parts before alpha and beta; all scalars.

    reliable_share: (L,), the share of samples each head classifies reliably; empty without branch heads.
    """

    total: Tensor
    ce: Tensor
    kd: Tensor
    reliable_share: Tensor


class Objective(Protocol):
    """What a mode minimises."""

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """The losses of one batch."""
        ...


def is_reliable(heads: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """(L, N) bool: the head is right, and gives the true class at least probability `threshold`.

    Threshold 0 is the rule of P1, exactly.
    """
    is_right = heads.argmax(-1) == labels
    if threshold == 0:
        return is_right
    p_true = heads.softmax(-1).gather(-1, labels.expand(heads.shape[:2]).unsqueeze(-1)).squeeze(-1)
    return is_right & (p_true >= threshold)


def reliable_teacher(heads: Tensor, reliable: Tensor) -> tuple[Tensor, Tensor]:
    """Mean logits of the reliable heads of each sample (P1): teacher (N, K), has_teacher (N,) bool.

    Detached. A sample without a reliable head has no teacher, and 0 stands in its row.
    """
    weight = reliable.to(heads.dtype).unsqueeze(-1)  # (L, N, 1)
    count = weight.sum(0)
    teacher = (heads.detach() * weight).sum(0) / count.clamp(min=1)
    return teacher, count.squeeze(-1) > 0


def distillation_loss(
    students: Tensor, teacher: Tensor, temperature: float, has_teacher: Tensor | None = None
) -> Tensor:
    """τ²·KL(softmax(teacher/τ) ‖ softmax(students/τ)) (P1, P2): summed over classes, mean over samples.

    students: (..., N, K); teacher: broadcastable to it, detached here; has_teacher: (N,) bool, the samples
    the mean is taken over, all by default. Returns (...,); 0 where no sample has a teacher.
    """
    target = F.log_softmax(teacher.detach() / temperature, -1).expand_as(students)
    student = F.log_softmax(students / temperature, -1)
    per_sample = F.kl_div(student, target, reduction="none", log_target=True).sum(-1) * temperature**2
    if has_teacher is None:
        return per_sample.mean(-1)
    mask = has_teacher.to(per_sample.dtype)
    return (per_sample * mask).sum(-1) / mask.sum().clamp(min=1)


class CrossEntropyObjective:
    """Mode `none`: cross-entropy of the network's own head."""

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """Heads but the last are not looked at."""
        ce = F.cross_entropy(outputs.heads[-1], labels)
        return Losses(ce, ce, torch.zeros_like(ce), ce.new_empty(0))


class BranchObjective:
    """P1: α·Σ_l CE(z_l, y) + β·Σ_l KD_l over all heads, with the teacher that the mode names."""

    def __init__(self, setting: DistillationConfig) -> None:
        self.setting = setting
        self.temperature = setting.temperature or default_temperature(setting.mode)

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """All heads learn from the labels; who teaches whom is the mode's."""
        heads, setting = outputs.heads, self.setting
        ce = torch.stack([F.cross_entropy(head, labels) for head in heads]).sum()
        reliable = is_reliable(heads.detach(), labels, setting.reliability_threshold)
        kd = self._kd(heads, reliable)
        return Losses(setting.alpha * ce + setting.beta * kd, ce, kd, reliable.float().mean(1))

    def _kd(self, heads: Tensor, reliable: Tensor) -> Tensor:
        tau = self.temperature
        match self.setting.mode:
            case "supervised":
                return heads.new_zeros(())
            case "deepest":
                return distillation_loss(heads[:-1], heads[-1], tau).sum()
            case "ensemble":
                return distillation_loss(heads, heads.mean(0), tau).sum()
            case _:
                return distillation_loss(heads, *_with_mask(heads, reliable, tau)).sum()


def _with_mask(heads: Tensor, reliable: Tensor, tau: float) -> tuple[Tensor, float, Tensor]:
    teacher, has_teacher = reliable_teacher(heads, reliable)
    return teacher, tau, has_teacher


class TemporalObjective:
    """P2: cross-entropy of the mean logits + β·KD between time steps. T = 1 has no pair, and KD is 0."""

    def __init__(self, setting: DistillationConfig) -> None:
        self.setting = setting
        self.temperature = setting.temperature or default_temperature(setting.mode)

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """Steps are ranked by confidence in this batch."""
        steps = outputs.step_logits
        assert steps is not None, "the rules refuse temporal modes under gradient rate"
        ce = F.cross_entropy(outputs.heads[-1], labels)
        kd = self._kd(steps)
        return Losses(ce + self.setting.beta * kd, ce, kd, ce.new_empty(0))

    def _kd(self, steps: Tensor) -> Tensor:
        if steps.shape[0] == 1:
            return steps.new_zeros(())
        order = step_order(steps)
        kd = steps.new_zeros(())
        if self.setting.mode in ("strong2weak", "simultaneous"):
            kd = kd + self._teach(steps, order)
        if self.setting.mode in ("weak2strong", "simultaneous"):
            kd = kd + self._teach(steps, order.flip(0))
        return kd

    def _teach(self, steps: Tensor, order: Tensor) -> Tensor:
        """One direction: `order` lists the steps from the teaching to the learning end."""
        tau = self.temperature
        ranked = steps[order]  # (T, N, K)
        match self.setting.variant:
            case "pair":
                return distillation_loss(ranked[-1], ranked[0], tau)
            case "ensemble_teacher":
                return distillation_loss(ranked[-1], ranked[:-1].mean(0), tau)
            case "ensemble_student":
                return distillation_loss(ranked[1:].mean(0), ranked[0], tau)
            case "cascade":
                pairs = [distillation_loss(student, teacher, tau) for teacher, student in pairwise(ranked)]
                return torch.stack(pairs).mean()


def step_order(steps: Tensor) -> Tensor:
    """(T,) steps from the most to the least confident (P2): max softmax probability, mean over the batch.

    Ties go to the earlier step.
    """
    confidence = steps.detach().softmax(-1).amax(-1).mean(1)
    return confidence.argsort(descending=True, stable=True)


def make_objective(config: Config) -> Objective:
    """The objective that a config's distillation mode names."""
    setting = config.distillation
    if setting.mode in BRANCH_MODES:
        return BranchObjective(setting)
    if setting.mode in TEMPORAL_MODES:
        return TemporalObjective(setting)
    return CrossEntropyObjective()
