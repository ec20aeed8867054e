"""One training step of ResNet-18 with three branches, held against P1's published code in float64.

Everything in the golden files: heads, losses, every gradient, rates, traces, running statistics, and the
logits in evaluation after ten further spike passes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snncore.config.load import make_config
from snncore.network.network import NetworkOutput
from snncore.neuron.neuron import LIF
from snncore.passes import one_pass
from snncore.passes.one_pass import OnePass
from snncore.passes.passes import inference, split_time
from snncore.passes.two_pass import SpikePass, SpikePassResults
from snncore.sweeps import Fired
from snncore.training.losses import is_reliable, reliable_teacher
from snncore.training.step import Trainer
from tests.snncore.golden_network import Golden, deviation, our_name

TOLERANCE = 1e-6


class GoldenStep:
    """A step of the trainer itself, at a learning rate of 0, and what torch's hooks saw of it."""

    def __init__(self, golden: Golden) -> None:
        self.golden, self.T = golden, golden.T
        trainer = Trainer(make_config(config_fields(golden)), "cpu")
        trainer.set_lr(0.0)
        self.network = trainer.network.double().train()
        golden.fill(self.network)
        with torch.no_grad():  # single steps have logits in the reference alone
            run = SpikePass(golden.T, SpikePassResults())
            self.spike_logits = copy.deepcopy(self.network)(golden.x(), run).logits
        self.rates: dict[LIF, tuple[Tensor, Tensor]] = {}
        self.logits = torch.empty(0)
        self.branch_logits: list[Tensor] = []
        self.gradients: dict[str, Tensor] = {}
        handles = self._watch()
        with pytest.MonkeyPatch.context() as patch:
            self._watch_neurons(patch)
            self.losses = trainer.step(golden.x(), golden.labels()).losses
        for handle in handles:
            handle.remove()
        self.buffers = {name: buffer.clone() for name, buffer in self.network.named_buffers()}

    @property
    def heads(self) -> Tensor:
        return torch.stack([*self.branch_logits, self.logits]).detach()

    def _watch_neurons(self, patch: pytest.MonkeyPatch) -> None:
        node, fire = one_pass.fire_rate, OnePass.fire
        traces: list[Tensor] = []

        def see_trace(parts: Any, fired: Fired, shape: Any) -> Tensor:
            traces.append(fired.trace)
            return node(parts, fired, shape)

        def see_rate(run: OnePass, lif: LIF, x: Any, is_last: bool = False) -> Any:
            pair = fire(run, lif, x, is_last)
            self.rates[lif] = pair.count.double() / self.T, traces[-1]
            return pair

        patch.setattr(one_pass, "fire_rate", see_trace)
        patch.setattr(OnePass, "fire", see_rate)

    def _watch(self) -> list[Any]:
        def see_pass(_: nn.Module, arguments: tuple[Any, ...], output: NetworkOutput) -> None:
            assert isinstance(arguments[1], OnePass)
            self.logits = output.logits

        def see_branch(_: nn.Module, __: Any, output: Tensor) -> None:
            self.branch_logits.append(output)

        handles: list[Any] = [self.network.register_forward_hook(see_pass)]
        handles += [branch.register_forward_hook(see_branch) for branch in self.network.branches.values()]
        for name, parameter in self.network.named_parameters():

            def see_gradient(parameter: Tensor, name: str = name) -> None:
                assert parameter.grad is not None
                self.gradients[name] = parameter.grad.clone()

            handles.append(parameter.register_post_accumulate_grad_hook(see_gradient))
        return handles


def config_fields(golden: Golden) -> dict[str, Any]:
    meta = golden.meta
    data = {"name": "cifar10", "size": meta["size"], "events": "saccades" if golden.has_events else "none"}
    distillation = {key: meta[key] for key in ("alpha", "beta")} | {"temperature": float(meta["temperature"])}
    return {
        "T": golden.T,
        "gradient": "rate",
        "data": data,
        "model": {"arch": meta["arch"]},
        "neuron": {key: meta[key] for key in ("decay", "v_threshold", "surrogate_slope")},
        "distillation": {"mode": "reliable", "branches": [1, 2, 3], **distillation},
        "optim": {"loss_over_T": True},
    }


FILES = ["resnet18_T4.npz", "resnet18_events_T5.npz"]
BACKENDS = ["cpp", "torch"]  # Triton's interpreter would take hours for a ResNet-18
SETTINGS = [
    pytest.param((file, backend), marks=pytest.mark.slow if backend == "torch" else ())
    for file in FILES
    for backend in BACKENDS
]


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def step(request: pytest.FixtureRequest) -> Iterator[GoldenStep]:
    file, backend = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKEFRONT_BACKEND", backend)
        yield GoldenStep(Golden(file))


def test_every_value_of_the_file_is_held(step: GoldenStep) -> None:
    """The other tests look their values up by these kinds; no kind may be left over."""
    kinds = {key.split("/")[0] for key in step.golden.values}
    assert kinds == {
        *("head0", "head1", "head2", "head3", "spike_logits", "teacher", "y", "hard", "soft", "loss"),
        *("gnorm", "gproj", "gslice", "rate", "trace", "buf", "eval_logits"),
    }


def test_logits_and_teacher(step: GoldenStep) -> None:
    values = step.golden.values
    assert torch.equal(step.golden.labels(), torch.from_numpy(values["y"]))
    for index, head in enumerate(step.heads):
        assert deviation(head, values[f"head{index}"]) < TOLERANCE
    spike_logits = split_time(step.spike_logits, step.T)
    assert deviation(spike_logits, values["spike_logits"]) < TOLERANCE
    labels = step.golden.labels()
    teacher, _ = reliable_teacher(step.heads, is_reliable(step.heads, labels, 0.0))
    assert deviation(teacher, values["teacher"]) < TOLERANCE


def test_losses(step: GoldenStep) -> None:
    values = step.golden.values
    assert deviation(step.losses.ce, values["hard"]) < TOLERANCE
    assert deviation(step.losses.kd, values["soft"]) < TOLERANCE
    assert deviation(step.losses.total, values["loss"]) < TOLERANCE


def test_gradients_of_every_parameter(step: GoldenStep) -> None:
    values = step.golden.values
    assert {key[6:] for key in values if key.startswith("gnorm/")} == set(step.golden.shapes)
    for name in step.golden.shapes:
        gradient = step.gradients[our_name(name)]
        norm = float(values[f"gnorm/{name}"])
        assert deviation(gradient.norm(), values[f"gnorm/{name}"]) < TOLERANCE, name
        projected = float((gradient * step.golden.projection(name)).sum())
        off = abs(projected - float(values[f"gproj/{name}"])) / (norm * gradient.numel() ** 0.5)
        assert off < TOLERANCE, name
        assert deviation(gradient.flatten()[:8], values[f"gslice/{name}"]) < TOLERANCE, name


def test_rates_and_traces_of_every_layer(step: GoldenStep) -> None:
    values = step.golden.values
    published = [key[5:] for key in values if key.startswith("rate/")]
    layers = [step.network.get_submodule(our_name(name)) for name in published]
    assert set(layers) == set(step.rates)
    for name, layer in zip(published, layers, strict=True):
        rate, trace = step.rates[layer]  # type: ignore[index]
        assert deviation(rate.mean(), values[f"rate/{name}"]) < TOLERANCE, name
        assert deviation(trace.mean(), values[f"trace/{name}"]) < TOLERANCE, name


def test_running_statistics_of_every_norm(step: GoldenStep) -> None:
    values = step.golden.values
    published = [key[4:] for key in values if key.startswith("buf/")]
    ours = {name for name in step.buffers if "running_" in name}
    assert {our_name(name) for name in published} == ours
    for name in published:
        assert deviation(step.buffers[our_name(name)].norm(), values[f"buf/{name}"]) < TOLERANCE, name


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_evaluation_after_ten_further_passes(file: str) -> None:
    """Before them the running statistics are far from the batch's, and the network is silent."""
    golden = Golden(file)
    step = GoldenStep(golden)
    with torch.no_grad():
        for _ in range(10):
            step.network(golden.x(), SpikePass(golden.T, SpikePassResults()))
    logits = inference(step.network.eval(), golden.x(), golden.T)
    assert deviation(logits, golden.values["eval_logits"]) < TOLERANCE
