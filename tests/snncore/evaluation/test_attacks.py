"""FGSM and PGD: where the images may go, and that they follow the gradient of the network in evaluation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import snncore.evaluation.attacks
from snncore.config.load import make_config
from snncore.config.schema import NeuronConfig
from snncore.data.batches.normalisation import Normalisation
from snncore.errors import UserError
from snncore.evaluation.attacks import (
    SMOOTH,
    Attack,
    Surrogate,
    fgsm,
    perturb,
    pgd,
    robustness,
    through_surrogates,
)
from snncore.network.network import SpikingNetwork
from snncore.neuron.neuron import LIF
from snncore.passes.passes import inference, split_time
from snncore.training.session import TrainingSession
from tests.snncore.tiny import run_tiny, tiny_network

T = 4
NORMALISATION = Normalisation((0.2, 0.6), (0.3, 0.15))
MEAN, STD = (torch.tensor(part, dtype=torch.float64).view(-1, 1, 1) for part in ((0.2, 0.6), (0.3, 0.15)))


def network() -> SpikingNetwork:
    return tiny_network(NeuronConfig(decay=0.5), channels=2)


def images(n: int = 12) -> tuple[Tensor, Tensor]:
    """Normalised; a quarter of the pixels lie on the ends of their range."""
    generator = torch.Generator().manual_seed(3)
    pixels = (1.4 * torch.rand(n, 2, 4, 4, generator=generator, dtype=torch.float64) - 0.2).clamp(0, 1)
    return (pixels - MEAN) / STD, torch.randint(0, 3, (n,), generator=generator)


def attacked(attack: Attack, seed: int = 0, n: int = 12) -> tuple[Tensor, Tensor]:
    """Pixels before and after."""
    x, labels = images(n)
    generator = torch.Generator().manual_seed(seed)
    after = perturb(network(), T, (x, labels), attack, NORMALISATION, generator)
    return x * STD + MEAN, after * STD + MEAN


def test_fgsm_steps_along_the_gradient_of_bptt_with_running_statistics() -> None:
    x, labels = images()
    leaf = x.clone().requires_grad_()
    logits = run_tiny(network(), leaf.expand(T, *x.shape)).logits.mean(0)
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), leaf)
    before, after = attacked(fgsm(0.03))
    expected = (before + 0.03 * gradient.sign()).clamp(0, 1)
    torch.testing.assert_close(after, expected)
    assert gradient.count_nonzero() > 0.9 * gradient.numel()


@pytest.mark.parametrize("attack", [fgsm(0.1), pgd(0.1), pgd(0.1, 3, 0.5)])
def test_no_pixel_leaves_its_range_or_goes_farther_than_epsilon(attack: Attack) -> None:
    before, after = attacked(attack)
    assert after.min() >= -1e-12
    assert after.max() <= 1 + 1e-12
    distance = (after - before).abs()
    assert distance.max() <= 0.1 + 1e-12
    assert (distance > 0.0999).double().mean() > 0.3  # both channels, in units of pixels
    assert (distance[:, 0] > 0.0999).any()
    assert (distance[:, 1] > 0.0999).any()


def test_pgd_of_one_step_without_a_random_start_is_fgsm() -> None:
    _, one = attacked(Attack(0.05, 1, 0.05, random_start=False))
    _, two = attacked(fgsm(0.05))
    assert torch.equal(one, two)


def test_pgd_repeats_with_its_seed_and_differs_with_another() -> None:
    assert torch.equal(attacked(pgd(0.05), seed=1)[1], attacked(pgd(0.05), seed=1)[1])
    assert not torch.equal(attacked(pgd(0.05), seed=1)[1], attacked(pgd(0.05), seed=2)[1])


def test_pgd_starts_anywhere_within_epsilon_alike() -> None:
    before, after = attacked(Attack(0.1, 1, 1e-12, random_start=True), n=200)
    inside = (before > 0.1) & (before < 0.9)  # where the range of pixels cuts nothing off
    moved = (after - before)[inside] / 0.1
    quarters = torch.histc(moved, bins=4, min=-1, max=1) / moved.numel()
    torch.testing.assert_close(quarters, torch.full((4,), 0.25, dtype=torch.float64), atol=0.03, rtol=0)
    assert moved.abs().max() < 1


def test_the_step_of_pgd_follows_madry_unless_it_is_given() -> None:
    assert pgd(0.1, 5).step_size == pytest.approx(0.05)
    assert pgd(0.1, 5, 0.01).step_size == 0.01


def test_robust_accuracy_counts_all_attacked_images() -> None:
    x, _ = images(30)
    net = network()
    labels = inference(net, x, T).mean(0).argmax(-1)  # all right before the attack
    data = list(zip(x.split(8), labels.split(8), strict=True))
    small, large = (robustness(net, T, data, [fgsm(e)], NORMALISATION).accuracy for e in (1e-9, 0.2))
    assert small == 100
    assert large < 90
    attacked_images = perturb(net, T, (x, labels), fgsm(0.2), NORMALISATION, torch.Generator())
    right = (inference(net, attacked_images, T).mean(0).argmax(-1) == labels).double().mean()
    assert large == pytest.approx(100 * float(right))
    assert robustness(net, T, data, [pgd(0.2)], NORMALISATION).accuracy <= large


def test_an_image_must_withstand_every_attack_and_none() -> None:
    x, _ = images(60)
    net = network()
    predicted = inference(net, x, T).mean(0).argmax(-1)
    labels = torch.where(torch.arange(60) < 50, predicted, (predicted + 1) % 3)  # ten wrong before the attack
    data = list(zip(x.split(8), labels.split(8), strict=True))
    attacks = through_surrogates(net, pgd(0.1))
    assert [attack.surrogate for attack in attacks] == [None, *SMOOTH]
    found = robustness(net, T, data, attacks, NORMALISATION, seed=3)
    withstands = torch.arange(60) < 50
    alone = []
    for attack in attacks:
        generator = torch.Generator().manual_seed(3)
        after = [perturb(net, T, batch, attack, NORMALISATION, generator) for batch in data]
        is_right = inference(net, torch.cat(after), T).mean(0).argmax(-1) == labels
        withstands &= is_right
        alone.append(100 * float(is_right.double().mean()))
    assert found.attacks == attacks
    assert list(found.by_attack) == pytest.approx(alone)
    assert found.accuracy == pytest.approx(100 * float(withstands.double().mean()))
    assert found.accuracy < min(alone)


def test_what_the_gradient_goes_through_changes_no_spike() -> None:
    x, labels = images()
    net = network()
    clean = inference(net, x, T)
    seen = {}
    for attack in through_surrogates(net, fgsm(0.05)):
        seen[attack.surrogate] = perturb(net, T, (x, labels), attack, NORMALISATION, torch.Generator())
        assert torch.equal(inference(net, x, T), clean)
        run = snncore.evaluation.attacks._AttackPass(T, attack.surrogate)
        torch.testing.assert_close(split_time(net(x, run).logits, T), clean)
    assert not torch.equal(seen[None], seen[SMOOTH[0]])
    assert {module.neuron for module in net.modules() if isinstance(module, LIF)} == {NeuronConfig(decay=0.5)}


def test_a_surrogate_that_the_network_has_is_attacked_through_once() -> None:
    arctan = tiny_network(NeuronConfig(surrogate="arctan", surrogate_slope=2.0), channels=2)
    assert [attack.surrogate for attack in through_surrogates(arctan, fgsm(0.1))] == [None, SMOOTH[1]]
    given = Attack(0.1, 1, 0.1, random_start=False, surrogate=Surrogate("triangle", 1.0))
    assert through_surrogates(arctan, given) == (given,)


def test_a_steep_surrogate_hides_no_weakness() -> None:
    """Trained in a second: through its own surrogate alone it looks robust."""
    steep = make_config(
        {
            "T": 2,
            "gradient": "bptt",
            "model": {"arch": "mlp", "width": 0.25},
            "neuron": {"surrogate_slope": 50.0},
            "optim": {"epochs": 8, "batch_size": 64, "lr": 0.3},
        }
    )
    session = TrainingSession(steep, "cpu")
    clean = [session.run_epoch().val_accuracy for _ in range(8)][-1]
    attacks = through_surrogates(session.network, pgd(0.1))
    batches, normalisation = session._batches(session.data.val), session.data.normalisation
    found = robustness(session.network, 2, batches, attacks, normalisation)
    assert clean > 80
    assert found.by_attack[0] > 60
    assert found.accuracy < 45


def test_the_seed_draws_the_random_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def watch(network: SpikingNetwork, x: Tensor, T: int) -> Tensor:
        seen.append(x)
        return inference(network, x, T)

    monkeypatch.setattr(snncore.evaluation.attacks, "inference", watch)
    for seed in (1, 1, 2):
        robustness(network(), T, [images()], [pgd(0.05, 2)], NORMALISATION, seed)
    clean, attacked = seen[::2], seen[1::2]
    assert torch.equal(clean[0], clean[2])
    assert torch.equal(attacked[0], attacked[1])
    assert not torch.equal(attacked[0], attacked[2])


def test_without_images_robust_accuracy_is_nan() -> None:
    assert math.isnan(robustness(network(), T, [], [fgsm(0.1)], NORMALISATION).accuracy)


def test_the_network_is_left_as_it_was() -> None:
    net = network().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    robustness(net, T, [images()], through_surrogates(net, pgd(0.1, 2)), NORMALISATION)
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_event_frames_are_refused() -> None:
    net = tiny_network(channels=2, has_time=True)
    batch = torch.zeros(T, 1, 2, 4, 4, dtype=torch.float64), torch.tensor([0])
    with pytest.raises(UserError, match="need still images"):
        robustness(net, T, [batch], [fgsm(0.1)], NORMALISATION)


@pytest.mark.parametrize("epsilon", [0.0, -0.1, 8.0, math.nan])
def test_an_epsilon_outside_the_range_of_pixels_is_refused(epsilon: float) -> None:
    with pytest.raises(UserError, match=r"epsilon: got .* allowed: above 0 to 1"):
        fgsm(epsilon)


def test_an_attack_without_a_step_is_refused() -> None:
    with pytest.raises(UserError, match="got 0 steps"):
        pgd(0.1, 0)
    with pytest.raises(UserError, match="at least one above 0"):
        pgd(0.1, 3, -0.1)
