"""Accuracy and firing rates, against a network worked out step by step."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from torch import Tensor

import snncore.evaluation.evaluate
from snncore.config.schema import NeuronConfig
from snncore.evaluation.early_exit import EarlyExit
from snncore.evaluation.evaluate import Evaluation, evaluate, running_means
from snncore.saved.state import SavedEvaluation
from tests.snncore.tiny import run_tiny, tiny_network

T = 5
NEURON = NeuronConfig(decay=0.5)


def batches(n: int, size: int, has_time: bool = False) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    shape = (T, n, 1, 4, 4) if has_time else (n, 1, 4, 4)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (n,), generator=generator)
    return list(zip(x.split(size, int(has_time)), labels.split(size), strict=True))


@pytest.mark.parametrize("has_time", [False, True])
def test_accuracy_and_firing_are_those_of_the_run_step_by_step(has_time: bool) -> None:
    network = tiny_network(NEURON, has_time=has_time)
    data = batches(23, 8, has_time)
    evaluation = evaluate(network, T, data)

    hits = [0] * T
    labels_seen: list[int] = []
    predicted_at_end: list[int] = []
    spikes, sites = [0.0, 0.0], [0, 0]
    for x, labels in data:
        run = run_tiny(network, x if has_time else x.expand(T, *x.shape))
        for t in range(T):
            predicted = run.logits[: t + 1].mean(0).argmax(-1)
            hits[t] += int((predicted == labels).sum())
        labels_seen += labels.tolist()
        predicted_at_end += predicted.tolist()
        for layer, fired in enumerate((run.first, run.second)):
            spikes[layer] += float(fired.detach().sum())
            sites[layer] += fired.numel()
    assert evaluation.n == 23
    assert evaluation.accuracy_at_t == pytest.approx([100 * n / 23 for n in hits])
    assert evaluation.accuracy == evaluation.accuracy_at_t[-1]
    assert evaluation.firing_rate == pytest.approx([spikes[0] / sites[0], spikes[1] / sites[1]])
    assert evaluation.mean_firing_rate == pytest.approx(sum(spikes) / sum(sites))
    assert evaluation.n_per_class == tuple(map(labels_seen.count, range(3)))
    assert sum(evaluation.right_per_class) == hits[-1]
    balanced = 100 * balanced_accuracy_score(labels_seen, predicted_at_end)
    assert evaluation.balanced_accuracy == pytest.approx(balanced)
    assert abs(balanced - evaluation.accuracy) > 0.1  # or it could be the same thing
    assert len(set(hits)) > 1  # the steps differ, so that a mixed-up order would show


def test_the_size_of_batches_does_not_matter() -> None:
    network = tiny_network(NEURON)
    assert evaluate(network, T, batches(17, 17)) == evaluate(network, T, batches(17, 3))


@pytest.mark.parametrize("confidence", [0.4, 0.6, 0.9])
def test_stopping_early_is_that_of_early_exit(confidence: float) -> None:
    network = tiny_network(NEURON)
    data = batches(40, 7)
    early_exit = EarlyExit([confidence])
    evaluation = evaluate(network, T, data, exit_confidence=confidence, observers=[early_exit])
    (expected,) = early_exit.results()
    assert evaluation.exit_steps == pytest.approx(expected.mean_steps)
    assert evaluation.exit_accuracy == pytest.approx(expected.accuracy)
    assert evaluation.by_steps == {
        "accuracy_at_1": evaluation.accuracy_at_t[0],
        "exit_steps": evaluation.exit_steps,
        "exit_accuracy": evaluation.exit_accuracy,
    }


def test_with_one_step_every_sample_stops_after_it() -> None:
    evaluation = evaluate(tiny_network(NEURON), 1, batches(20, 7))
    assert evaluation.exit_steps == 1
    assert evaluation.exit_accuracy == evaluation.accuracy_at_t[0] == evaluation.accuracy


def test_no_samples_give_nan() -> None:
    evaluation = evaluate(tiny_network(), 3, [])
    assert evaluation.n == 0
    assert len(evaluation.accuracy_at_t) == 3
    assert math.isnan(evaluation.accuracy)
    assert math.isnan(evaluation.balanced_accuracy)
    assert evaluation.n_per_class == (0, 0, 0)
    assert math.isnan(evaluation.mean_firing_rate)
    assert all(math.isnan(value) for value in evaluation.by_steps.values())


def test_observers_see_the_running_means_of_every_batch() -> None:
    seen: list[tuple[Tensor, Tensor]] = []
    network = tiny_network(NEURON)
    data = batches(10, 4)
    evaluate(network, T, data, observers=[lambda means, labels: seen.append((means, labels))])
    assert [len(labels) for _, labels in seen] == [4, 4, 2]
    logits = run_tiny(network, data[0][0].expand(T, *data[0][0].shape)).logits
    for t in range(T):
        torch.testing.assert_close(seen[0][0][t], logits[: t + 1].mean(0))


def test_logits_of_low_precision_are_averaged_in_float32() -> None:
    steps = torch.tensor([256.0, 1.0]).view(2, 1, 1).bfloat16()
    assert running_means(steps)[:, 0, 0].tolist() == [256.0, 128.5]


def test_training_mode_is_left_as_it_was() -> None:
    network = tiny_network().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    evaluate(network, T, batches(4, 4))
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_counts_of_all_processes_are_added_also_of_one_without_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = tiny_network(NEURON)
    shares = [batches(9, 4)[:1], batches(9, 4)[1:], []]
    counted: list[Tensor] = []

    def remember(values: Tensor) -> Tensor:
        counted.append(values.clone())
        return values

    monkeypatch.setattr(snncore.evaluation.evaluate, "sum_over_ranks", remember)
    for share in shares:
        evaluate(network, T, share, over_ranks=True)
    total = torch.stack(counted).sum(0)
    monkeypatch.setattr(snncore.evaluation.evaluate, "sum_over_ranks", lambda values: total)
    expected = evaluate(network, T, batches(9, 4))
    assert evaluate(network, T, shares[2], over_ranks=True) == expected


def test_an_evaluation_survives_json() -> None:
    evaluation = evaluate(tiny_network(NEURON), T, batches(6, 6))
    saved = SavedEvaluation.model_validate_json(json.dumps(asdict(evaluation)))
    assert saved.is_complete
    assert Evaluation(**dict(saved)) == evaluation
