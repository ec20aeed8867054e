"""Adversarial images: FGSM (Goodfellow et al. 2015) and PGD (Madry et al. 2018).

Shapes: x: still images, normalised, (N, C, H, W); labels: (N,); T time steps.
Epsilon is in units of pixel values scaled to 0 … 1, the same for every channel, whatever the normalisation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snncore.data.batches import Batch
from snncore.data.normalisation import Normalisation
from snncore.errors import UserError
from snncore.network import SpikingNetwork
from snncore.norm import eval_norm
from snncore.passes import BpttPass, inference, split_time
from snncore.signals import Part


@dataclass(frozen=True)
class Attack:
    """steps of `step_size` along the sign of the gradient, never farther than `epsilon` from the image.

    Raises:
        UserError: epsilon is not between 0 and 1, or there is no step.
    """

    epsilon: float
    steps: int
    step_size: float
    random_start: bool

    def __post_init__(self) -> None:
        if not 0.0 < self.epsilon <= 1.0:
            raise UserError(f"epsilon: got {self.epsilon}, allowed: above 0 to 1, the range of pixels")
        if self.steps < 1 or self.step_size <= 0:
            raise UserError(f"attack: got {self.steps} steps of {self.step_size}, need at least one above 0")


def fgsm(epsilon: float) -> Attack:
    """One step of size epsilon from the image itself."""
    return Attack(epsilon, 1, epsilon, random_start=False)


def pgd(epsilon: float, steps: int = 10, step_size: float | None = None) -> Attack:
    """Several steps from a random start; step_size None: 2.5·epsilon/steps, as Madry et al."""
    size = 2.5 * epsilon / max(1, steps) if step_size is None else step_size
    return Attack(epsilon, steps, size, random_start=True)


class _AttackPass(BpttPass):
    """Surrogate gradients through all T steps, but running statistics, as in evaluation."""

    def normed(self, norm: nn.BatchNorm2d, part: Part) -> Part:
        """Running statistics, through which no gradient flows."""
        return part._replace(norm=eval_norm(norm), is_own=False)


def perturb(
    network: SpikingNetwork,
    T: int,
    batch: Batch,
    attack: Attack,
    normalisation: Normalisation,
    generator: torch.Generator,
) -> Tensor:
    """Normalised images (N, C, H, W), each within epsilon of x and within 0 … 1 in pixel values.

    They follow the gradient of the cross-entropy of the mean logits. Of PGD the last step's image counts,
    not the worst met on the way. The network is used in evaluation; its weights get no gradients.

    Raises:
        UserError: the network takes event frames.
    """
    if network.spec.has_time:
        raise UserError("attacks: need still images; this network was trained on event frames")
    x, labels = batch
    mean, std = (
        torch.tensor(part, dtype=x.dtype, device=x.device).view(-1, 1, 1)
        for part in (normalisation.mean, normalisation.std)
    )
    clean = x * std + mean  # pixels, 0 … 1
    pixels = clean
    if attack.random_start:
        noise = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        pixels = _project(clean + (2 * noise - 1) * attack.epsilon, clean, attack.epsilon)
    for _ in range(attack.steps):
        gradient = _gradient(network, T, (pixels - mean) / std, labels)
        # std is positive: the sign by the pixel is the sign by the normalised value.
        pixels = _project(pixels + attack.step_size * gradient.sign(), clean, attack.epsilon)
    return (pixels - mean) / std


def robust_accuracy(
    network: SpikingNetwork,
    T: int,
    batches: Iterable[Batch],
    attack: Attack,
    normalisation: Normalisation,
    seed: int = 0,
) -> float:
    """Top-1 in percent on attacked images, all samples counted; NaN without samples. Maximise.

    The random starts come from `seed`.

    Raises:
        UserError: the network takes event frames.
    """
    was_training = network.training
    network.eval()
    right = n = 0
    generator: torch.Generator | None = None
    for x, labels in batches:
        if generator is None:
            generator = torch.Generator(x.device).manual_seed(seed)
        attacked = perturb(network, T, (x, labels), attack, normalisation, generator)
        right += int((inference(network, attacked, T).mean(0).argmax(-1) == labels).sum())
        n += len(labels)
    network.train(was_training)
    return 100.0 * right / n if n else float("nan")


def _project(pixels: Tensor, clean: Tensor, epsilon: float) -> Tensor:
    return torch.minimum(torch.maximum(pixels, clean - epsilon), clean + epsilon).clamp_(0.0, 1.0)


def _gradient(network: SpikingNetwork, T: int, x: Tensor, labels: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        logits = split_time(network(x, _AttackPass(T)).logits, T).mean(0, dtype=x.dtype)
        loss = F.cross_entropy(logits, labels, reduction="sum")  # each image its own gradient
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient
