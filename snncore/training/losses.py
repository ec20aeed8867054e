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

from snncore.config.rules import branch_mode, default_temperature, effective_distillation, temporal_mode
from snncore.config.schema import Config, DistillationConfig
from snncore.distributed import sum_over_ranks, world_size
from snncore.training.gradient import Outputs


class Losses(NamedTuple):
    """total: what is minimised; ce and kd: its two parts before alpha and beta; all scalars.

    reliable_share: (L,), the share of samples each head classifies reliably; empty without branch heads.
    """

    total: Tensor
    ce: Tensor
    kd: Tensor
    reliable_share: Tensor


class LossFunction(Protocol):
    """The loss that training minimises; one for each distillation mode."""

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """The losses of one batch."""
        ...


def is_reliable(heads: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """(L, N) bool: the head predicts the true class, with at least probability `threshold`.

    Threshold 0 is exactly the rule of P1.
    """
    is_right = heads.argmax(-1) == labels
    if threshold == 0:
        return is_right
    p_true = heads.softmax(-1).gather(-1, labels.expand(heads.shape[:2]).unsqueeze(-1)).squeeze(-1)
    return is_right & (p_true >= threshold)


def reliable_teacher(heads: Tensor, reliable: Tensor) -> tuple[Tensor, Tensor]:
    """Mean logits of the reliable heads of each sample (P1): teacher (N, K), has_teacher (N,) bool.

    Detached. A sample without a reliable head has no teacher; its row is 0.
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
    return sample_mean(per_sample, has_teacher)


def sample_mean(per_sample: Tensor, chosen: Tensor | None = None) -> Tensor:
    """Mean of (..., N) over the samples, the last dimension, or over those `chosen`, (N,) bool; 0 if none is.

    With several processes this is scaled such that the mean over the processes is the mean over the samples
    of all of them. Averaging gradients over processes then gives the gradient of the global batch.
    """
    mask = per_sample.new_ones(per_sample.shape[-1]) if chosen is None else chosen.to(per_sample.dtype)
    n = sum_over_ranks(mask.sum(-1)) / world_size()
    return (per_sample * mask).sum(-1) / n.clamp(min=1 / world_size())


class PlainCrossEntropy:
    """Mode `none`: cross-entropy of the network's own head."""

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """Uses the last head only."""
        ce = cross_entropy(outputs.heads[-1], labels, self.label_smoothing)
        return Losses(ce, ce, torch.zeros_like(ce), ce.new_empty(0))


class BranchDistillation:
    """P1: α·Σ_l CE(z_l, y) + β·Σ_l KD_l over all heads, with the teacher that the mode names."""

    def __init__(self, setting: DistillationConfig, label_smoothing: float = 0.0) -> None:
        mode = branch_mode(setting.mode)
        assert mode is not None
        self.mode, self.setting, self.label_smoothing = mode, setting, label_smoothing
        self.temperature = setting.temperature or default_temperature(mode)

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """All heads learn from the labels; the mode decides which heads teach which."""
        heads, setting = outputs.heads, self.setting
        ces = cross_entropy(heads, labels, self.label_smoothing)  # (L,)
        last_weight = setting.alpha if setting.alpha_on == "all" else 1.0
        weighted = setting.alpha * ces[:-1].sum() + last_weight * ces[-1]
        reliable = is_reliable(heads.detach(), labels, setting.reliability_threshold)
        kd = self._kd(heads, reliable)
        share = sample_mean(reliable.float())
        return Losses(weighted + setting.beta * kd, ces.sum(), kd, share)

    def _kd(self, heads: Tensor, reliable: Tensor) -> Tensor:
        tau = self.temperature
        match self.mode:
            case "supervised":
                return heads.new_zeros(())
            case "deepest":
                return distillation_loss(heads[:-1], heads[-1], tau).sum()
            case "ensemble":
                return distillation_loss(heads, heads.mean(0), tau).sum()
            case _:
                teacher, has_teacher = reliable_teacher(heads, reliable)
                return distillation_loss(heads, teacher, tau, has_teacher).sum()


class TemporalDistillation:
    """P2: cross-entropy of the mean logits + β·KD between time steps. KD is 0 for T = 1."""

    def __init__(self, setting: DistillationConfig, label_smoothing: float = 0.0) -> None:
        mode = temporal_mode(setting.mode)
        assert mode is not None
        self.mode, self.setting, self.label_smoothing = mode, setting, label_smoothing
        self.temperature = setting.temperature or default_temperature(mode)

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """Ranks the steps by confidence in this batch."""
        ce = cross_entropy(outputs.heads[-1], labels, self.label_smoothing)
        kd = self.kd(outputs)
        return Losses(ce + self.setting.beta * kd, ce, kd, ce.new_empty(0))

    def kd(self, outputs: Outputs) -> Tensor:
        """Only the KD between time steps."""
        steps = outputs.step_logits
        assert steps is not None, "the rules refuse temporal modes under gradient rate"
        if steps.shape[0] == 1:
            return steps.new_zeros(())
        order = step_order(steps)
        kd = steps.new_zeros(())
        if self.mode in ("strong2weak", "simultaneous"):
            kd = kd + self._teach(steps, order)
        if self.mode in ("weak2strong", "simultaneous"):
            kd = kd + self._teach(steps, order.flip(0))
        return kd

    def _teach(self, steps: Tensor, order: Tensor) -> Tensor:
        """KD in one direction; order (T,): steps from the first teacher to the last student."""
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


class CombinedDistillation:
    """P1 and P2 together, such as `reliable+strong2weak`: P1's loss + beta_temporal·(P2's KD)."""

    def __init__(self, setting: DistillationConfig, label_smoothing: float = 0.0) -> None:
        self.spatial = BranchDistillation(setting, label_smoothing)
        self.temporal = TemporalDistillation(setting, label_smoothing)
        self.beta_temporal = setting.beta_temporal

    def __call__(self, outputs: Outputs, labels: Tensor) -> Losses:
        """kd is the sum of both parts, before their weights."""
        losses, kd = self.spatial(outputs, labels), self.temporal.kd(outputs)
        return losses._replace(total=losses.total + self.beta_temporal * kd, kd=losses.kd + kd)


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean over the samples of the global batch: logits (..., N, K), labels (N,) -> (...)."""
    flat = labels.expand(logits.shape[:-1])
    per_sample = F.cross_entropy(
        logits.flatten(0, -2), flat.reshape(-1), reduction="none", label_smoothing=label_smoothing
    )
    return sample_mean(per_sample.view(logits.shape[:-1]))


def step_order(steps: Tensor) -> Tensor:
    """(T,) steps from the most to the least confident (P2): max softmax probability, mean over the batch.

    Ties go to the earlier step. With several processes the batch is the global one.
    """
    confidence = sum_over_ranks(steps.detach().softmax(-1).amax(-1).sum(1))
    return confidence.argsort(descending=True, stable=True)


def make_loss(config: Config) -> LossFunction:
    """The loss function of a config; see `snncore.config.rules.effective_distillation`."""
    setting, smoothing = effective_distillation(config), config.optim.label_smoothing
    match branch_mode(setting.mode), temporal_mode(setting.mode):
        case None, None:
            return PlainCrossEntropy(smoothing)
        case _, None:
            return BranchDistillation(setting, smoothing)
        case None, _:
            return TemporalDistillation(setting, smoothing)
        case _:
            return CombinedDistillation(setting, smoothing)
