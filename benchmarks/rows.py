"""The rows that the benchmarks compare: ours, the floor, and the peers, each ready to run."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.floor import Floor
from benchmarks.peers.resnet import Peer
from benchmarks.setting import SIDE, Setting
from snncore.measure.probe import classification, training_step
from snncore.network.network import build_network
from snncore.neuron.precision import forward_precision
from snncore.training.gradient import Outputs
from snncore.training.losses import make_loss
from snncore.training.optim import make_optimizer

BASE = "SpikingJelly bptt fp32"
"""What the other rows of a training step are compared with."""

_NETWORKS = {
    "SpikingJelly": ("spikingjelly", "SpikingJellyNetwork"),
    "snnTorch": ("snntorch", "SnnTorchNetwork"),
}

NO_SNNTORCH = "without snnTorch, which is not installed: it is in the extra `bench`"

LAYOUTS = {"channels-last": torch.channels_last, "channels-first": torch.contiguous_format}


class Subject(NamedTuple):
    """run: what is measured, done once already; alive: the tensors that live between its calls."""

    run: Callable[[], object]
    alive: list[Tensor]


Make = Callable[[Setting], Subject]


class Row(NamedTuple):
    """variants: ways to run it, by name; the best of them counts."""

    name: str
    precision: str
    variants: dict[str, Make]

    @property
    def is_ours(self) -> bool:
        return self.name.startswith("ours")

    @property
    def is_floor(self) -> bool:
        return self.name.startswith("floor")


def training_rows() -> list[Row]:
    """One training step of the same network, of the rows that this machine can run."""
    rows = [
        Row(f"ours {gradient} {precision}", precision, {"": partial(_our_step, gradient, precision)})
        for gradient in ("rate", "bptt")
        for precision in ("fp32", "bf16")
    ]
    rows += [
        Row(f"floor {precision}", precision, {"": partial(_floor, "train", precision)})
        for precision in ("fp32", "bf16")
    ]
    rows += [
        Row(f"SpikingJelly bptt {precision}", precision, _layouts(_peer_step, "SpikingJelly", precision))
        for precision in ("fp32", "bf16")
    ]
    if has_snntorch():
        rows.append(Row("snnTorch bptt fp32", "fp32", _layouts(_peer_step, "snnTorch", "fp32")))
    return rows


def inference_rows() -> list[Row]:
    """Classifying one batch with the same network, branches left out."""
    rows = [
        Row(f"ours {precision}", precision, {"": partial(_our_classification, precision)})
        for precision in ("fp32", "bf16")
    ]
    rows += [
        Row(f"floor {precision}", precision, {"": partial(_floor, "classify", precision)})
        for precision in ("fp32", "bf16")
    ]
    for name in ("SpikingJelly", "snnTorch") if has_snntorch() else ("SpikingJelly",):
        rows.append(Row(f"{name} fp32", "fp32", _layouts(_peer_classification, name)))
    return rows


def has_snntorch() -> bool:
    """It is an extra: without it there is no row of it."""
    return importlib.util.find_spec("snntorch") is not None


def note_of(row: Row, variant: str, device: str) -> str:
    """The variant that was taken, and which code SpikingJelly's neurons run on this device."""
    if not row.name.startswith("SpikingJelly"):
        return variant
    from benchmarks.peers.spikingjelly import implementation

    return f"{variant}, {implementation(device)}"


def make_peer(name: str, setting: Setting) -> Peer:
    """The untrained network of a library, with the neuron of our default config."""
    module, class_name = _NETWORKS[name]
    made: Callable[..., Peer] = getattr(importlib.import_module(f"benchmarks.peers.{module}"), class_name)
    return made(setting.config().neuron, setting.arch, setting.width, setting.n_classes, setting.T)


def batch(setting: Setting) -> tuple[Tensor, Tensor]:
    """Random images (N, 3, 32, 32) and labels (N,)."""
    x = torch.randn(setting.batch_size, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return x.to(setting.device), torch.arange(setting.batch_size, device=setting.device) % setting.n_classes


def _layouts(make: Callable[..., Subject], *arguments: str) -> dict[str, Make]:
    return {layout: partial(make, *arguments, layout) for layout in LAYOUTS}


def _our_step(gradient: str, precision: str, setting: Setting) -> Subject:
    return Subject(*training_step(setting.config(gradient, precision), setting.device))


def _our_classification(precision: str, setting: Setting) -> Subject:
    config = setting.config(precision=precision)
    network = build_network(config).to(setting.device).eval()
    classify, alive = classification(network, config, setting.device)
    classify()
    return Subject(classify, alive)


def _floor(what: str, precision: str, setting: Setting) -> Subject:
    floor = Floor(setting, precision)
    run: Callable[[], object] = getattr(floor, what)
    run()
    return Subject(run, floor.tensors())


def _peer_step(name: str, precision: str, layout: str, setting: Setting) -> Subject:
    """Forward, the loss of ours, backward, and a step of the same optimizer."""
    config = setting.config("bptt", precision)
    network = _in_layout(make_peer(name, setting), layout, setting.device).train()
    optimizer = make_optimizer(network, config.optim)
    for group in optimizer.param_groups:
        group["lr"] = 0.0  # as ours: steps on random images must not blow the weights up
    loss_function = make_loss(config)
    x, labels = batch(setting)
    x = x.contiguous(memory_format=LAYOUTS[layout])

    def step() -> None:
        with forward_precision(config, setting.device):
            heads = network.heads(x)
        loss_function(Outputs(heads.float(), None), labels).total.backward()
        network.forget()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    state = [value for entry in optimizer.state.values() for value in entry.values()]
    kept = [value for value in state if isinstance(value, Tensor)]
    return Subject(step, [*network.parameters(), *network.buffers(), *kept, x, labels])


def _peer_classification(name: str, layout: str, setting: Setting) -> Subject:
    network = _in_layout(make_peer(name, setting), layout, setting.device).eval()
    x = batch(setting)[0].contiguous(memory_format=LAYOUTS[layout])

    def classify() -> Tensor:
        with torch.inference_mode():
            return network.logits(x).argmax(-1)

    classify()
    return Subject(classify, [*network.body.parameters(), *network.body.buffers(), x])


def _in_layout(network: Peer, layout: str, device: str) -> Peer:
    placed: nn.Module = network.to(device).to(memory_format=LAYOUTS[layout])  # type: ignore[call-overload]
    assert isinstance(placed, Peer)
    return placed
