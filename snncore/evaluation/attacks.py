"""Adversarial images: FGSM (Goodfellow et al. 2015) and PGD (Madry et al. 2018), through several surrogates.

With a surrogate that is steep, or 0 away from the threshold, an attacker has hardly any gradient to follow,
and a network looks robust that is not (Athalye et al. 2018, on obfuscated gradients). The spikes do not
depend on the surrogate, so an attacker may use any. Images are therefore attacked through the surrogate of
the network and through `SMOOTH`, and count as robust if they withstand every attack, as in AutoAttack (Croce
& Hein 2020).

Shapes: x: still images, normalised, (N, C, H, W); labels: (N,); T time steps.
Epsilon is in units of pixel values scaled to 0 … 1, the same for every channel, whatever the normalisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snncore.config.schema import NeuronConfig, SurrogateName
from snncore.data.batches.batches import Batch
from snncore.data.batches.normalisation import Normalisation
from snncore.errors import UserError
from snncore.network.network import SpikingNetwork
from snncore.neuron.neuron import LIF
from snncore.passes.norm import eval_norm
from snncore.passes.passes import Activation, BpttPass, inference, split_time
from snncore.passes.signals import Part
from snncore.passes.through_time import fire_through_time


class Surrogate(NamedTuple):
    """The surrogate derivative of a spike: `neuron.surrogate` and `neuron.surrogate_slope`."""

    name: SurrogateName
    slope: float


SMOOTH = (Surrogate("arctan", 2.0), Surrogate("sigmoid", 2.0))
"""Nowhere 0 and not steep. With the network's own surrogate they attack about as well as any two of nine
tried."""


@dataclass(frozen=True)
class Attack:
    """`steps` steps of `step_size` along the sign of the gradient, within `epsilon` of the image.

    surrogate: used for the gradient; None for that of the network.

    Raises:
        UserError: epsilon is not between 0 and 1, or there is no step.
    """

    epsilon: float
    steps: int
    step_size: float
    random_start: bool
    surrogate: Surrogate | None = None

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


@dataclass(frozen=True)
class Robustness:
    """accuracy: percent of images that are classified rightly unchanged and under every attack. Maximise.

    by_attack: the same under each attack alone, in their order. All NaN without samples.
    """

    accuracy: float
    attacks: tuple[Attack, ...]
    by_attack: tuple[float, ...]


class _AttackPass(BpttPass):
    """BPTT with the running statistics of evaluation."""

    def __init__(self, T: int, surrogate: Surrogate | None) -> None:
        super().__init__(T)
        self._surrogate = surrogate

    def fire(self, lif: LIF, x: Activation, is_last: bool = False) -> Tensor:
        """Spikes (T·N, ...), as in evaluation; the surrogate only affects the gradient."""
        return fire_through_time(self.parts(x), self.T, _with_surrogate(lif.neuron, self._surrogate))

    def normed(self, norm: nn.BatchNorm2d, part: Part) -> Part:
        """The part with this norm: running statistics, through which no gradient flows."""
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

    They follow the gradient of the cross-entropy of the mean logits. For PGD the result is the image of the
    last step, not the worst on the way. The network must be in evaluation mode; its weights get no gradients.

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
        gradient = _gradient(network, _AttackPass(T, attack.surrogate), (pixels - mean) / std, labels)
        # std is positive, so the gradients of pixels and of normalised values have the same sign.
        pixels = _project(pixels + attack.step_size * gradient.sign(), clean, attack.epsilon)
    return (pixels - mean) / std


def through_surrogates(network: SpikingNetwork, attack: Attack) -> tuple[Attack, ...]:
    """The attack through the network's own surrogate, and through each of `SMOOTH` that differs from it.

    An attack that already has a surrogate is returned alone.
    """
    if attack.surrogate is not None:
        return (attack,)
    layers = [module for module in network.modules() if isinstance(module, LIF)]
    others = [
        smooth
        for smooth in SMOOTH
        if any(_with_surrogate(lif.neuron, smooth) != lif.neuron for lif in layers)
    ]
    return (attack, *(replace(attack, surrogate=smooth) for smooth in others))


def robustness(
    network: SpikingNetwork,
    T: int,
    batches: Iterable[Batch],
    attacks: Sequence[Attack],
    normalisation: Normalisation,
    seed: int = 0,
) -> Robustness:
    """Accuracy under attack, over all samples. The random starts of every attack are drawn from `seed`.

    Raises:
        UserError: the network takes event frames.
    """
    was_training = network.training
    network.eval()
    n = worst = 0
    right = [0] * len(attacks)
    generators: list[torch.Generator] = []
    for x, labels in batches:
        generators = generators or [torch.Generator(x.device).manual_seed(seed) for _ in attacks]
        withstands = _is_right(network, T, x, labels)  # (N,): under the attacks so far
        for index, (attack, generator) in enumerate(zip(attacks, generators, strict=True)):
            attacked = perturb(network, T, (x, labels), attack, normalisation, generator)
            is_right = _is_right(network, T, attacked, labels)
            right[index] += int(is_right.sum())
            withstands &= is_right
        worst += int(withstands.sum())
        n += len(labels)
    network.train(was_training)
    share = 100.0 / n if n else float("nan")
    return Robustness(share * worst, tuple(attacks), tuple(share * count for count in right))


def _is_right(network: SpikingNetwork, T: int, x: Tensor, labels: Tensor) -> Tensor:
    return inference(network, x, T).mean(0).argmax(-1) == labels


def _with_surrogate(neuron: NeuronConfig, surrogate: Surrogate | None) -> NeuronConfig:
    if surrogate is None:
        return neuron
    return neuron.model_copy(update={"surrogate": surrogate.name, "surrogate_slope": surrogate.slope})


def _project(pixels: Tensor, clean: Tensor, epsilon: float) -> Tensor:
    return torch.minimum(torch.maximum(pixels, clean - epsilon), clean + epsilon).clamp_(0.0, 1.0)


def _gradient(network: SpikingNetwork, run: _AttackPass, x: Tensor, labels: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        logits = split_time(network(x, run).logits, run.T).mean(0, dtype=x.dtype)
        loss = F.cross_entropy(logits, labels, reduction="sum")  # so that images do not affect each other
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient
