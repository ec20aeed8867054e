"""Names of all tensors of each body: a checkpoint of today must load tomorrow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from snncore.config.schema import ARCHITECTURES
from tests.snncore.network.architectures.networks import network_of, spec_of

WEIGHT, BIASED = ("weight",), ("weight", "bias")
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
Layers = Iterator[tuple[str, tuple[str, ...]]]


def units(prefix: str, n: int) -> Layers:
    for index in range(n):
        yield f"{prefix}.{index}.conv", WEIGHT
        yield f"{prefix}.{index}.norm", NORM


def convnet() -> Layers:
    yield from (("stem_conv", WEIGHT), ("stem_norm", NORM))
    for stage in range(3):
        yield from units(f"stages.{stage}", 2)
    yield "classifier", BIASED


def mlp() -> Layers:
    yield from (("conv1", WEIGHT), ("norm1", NORM), ("conv2", WEIGHT), ("norm2", NORM))
    yield "classifier", BIASED


def vgg(positions: list[list[int]], n_hidden: int = 0) -> Layers:
    """positions: of the convolutions among a stage's units; the others pool."""
    yield from (("stem.conv", WEIGHT), ("stem.norm", NORM))
    for stage, numbers in enumerate(positions):
        for number in numbers:
            yield f"stages.{stage}.{number}.conv", WEIGHT
            yield f"stages.{stage}.{number}.norm", NORM
    yield from ((f"hidden.{index}.linear", BIASED) for index in range(n_hidden))
    yield "classifier", BIASED


def residual(n_blocks: tuple[int, ...], conv: tuple[str, ...], *, hidden: bool = False) -> Layers:
    yield from (("stem_conv", conv), ("stem_norm", NORM))
    for stage, n in enumerate(n_blocks):
        for block in range(n):
            name = f"stages.{stage}.{block}"
            yield from ((f"{name}.conv1", conv), (f"{name}.norm1", NORM))
            yield from ((f"{name}.conv2", conv), (f"{name}.norm2", NORM))
            if stage > 0 and block == 0:
                yield from ((f"{name}.shortcut", conv), (f"{name}.shortcut_norm", NORM))
    if hidden:
        yield "hidden.0.linear", BIASED
    yield "classifier", BIASED


def sew() -> Layers:
    yield from (("stem_conv", WEIGHT), ("stem_norm", NORM))
    for stage, n in enumerate((3, 4, 6, 3)):
        for block in range(n):
            name = f"stages.{stage}.{block}"
            for unit in (1, 2):
                yield from ((f"{name}.unit{unit}.conv", WEIGHT), (f"{name}.unit{unit}.norm", NORM))
            if stage > 0 and block == 0:
                yield from ((f"{name}.shortcut", WEIGHT), (f"{name}.shortcut_norm", NORM))
    yield "classifier", BIASED


LAYERS = {
    "convnet": convnet(),
    "mlp": mlp(),
    "vgg9": vgg([[0], [1, 2], [1, 2, 4, 5]]),
    "vgg11": vgg([[], [1], [1, 2], [1, 2, 4, 5]], n_hidden=2),
    "resnet18": residual((2, 2, 2, 2), WEIGHT),
    "resnet19": residual((3, 3, 2), WEIGHT, hidden=True),
    "preact_resnet34": residual((3, 4, 6, 3), BIASED),
    "sew_resnet34": sew(),
}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_names_of_all_tensors(arch: str) -> None:
    expected = {f"{layer}.{kind}" for layer, kinds in LAYERS[arch] for kind in kinds}
    assert set(network_of(arch, spec_of()).body.state_dict()) == expected
