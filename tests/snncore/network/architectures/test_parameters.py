"""Numbers of parameters at the published sizes, counted on networks without memory."""

from __future__ import annotations

from pathlib import Path

import torch

from snncore.config.rules import N_STAGES
from snncore.config.schema import ARCHITECTURES, ModelConfig, NeuronConfig
from snncore.data.specs import SPECS
from snncore.network.architectures import make_body
from snncore.network.network import SpikingNetwork, deployed_parameters

DOCS = Path(__file__).parents[4] / "docs" / "architectures.md"


def count(arch: str, data: str, branches: tuple[int, ...] = ()) -> tuple[int, int]:
    """Parameters of the body, and of the branches."""
    with torch.device("meta"):
        network = SpikingNetwork(make_body(ModelConfig(arch=arch), SPECS[data], NeuronConfig()), SPECS[data])
        network.add_branches(branches)
    body = deployed_parameters(network)
    return body, sum(parameter.numel() for parameter in network.parameters()) - body


def test_resnet18_has_the_published_size() -> None:
    """P1: 12.57 M, of which 1.35 M in branches: on CIFAR-100."""
    body, branches = count("resnet18", "cifar100", (1, 2, 3))
    assert round((body + branches) / 1e6, 2) == 12.57
    assert round(branches / 1e6, 2) == 1.35


def test_preact_resnet34_has_the_published_size() -> None:
    """P1: 41.4 M, of which 19.6 M in branches: on ImageNet."""
    body, branches = count("preact_resnet34", "imagenet", (1, 2, 3))
    assert round((body + branches) / 1e6, 1) == 41.4
    assert round(branches / 1e6, 1) == 19.6


def test_the_34_layer_networks_have_resnet34s_size() -> None:
    """21,797,672 by torchvision's table; with bias, one parameter more for each output of a convolution."""
    assert count("sew_resnet34", "imagenet")[0] == 21_797_672
    blocks = 2 * (3 * 64 + 4 * 128 + 6 * 256 + 3 * 512)
    stem_and_shortcuts = 64 + 128 + 256 + 512
    assert count("preact_resnet34", "imagenet")[0] == 21_797_672 + blocks + stem_and_shortcuts


def test_resnet19_layer_by_layer() -> None:
    """Stem 3→128; 3, 3 and 2 blocks; 512→256→10."""

    def block(n_in: int, n_out: int) -> int:
        shortcut = 0 if n_in == n_out else n_in * n_out + 2 * n_out
        return 9 * n_in * n_out + 9 * n_out**2 + 4 * n_out + shortcut

    stages = 3 * block(128, 128) + block(128, 256) + 2 * block(256, 256) + block(256, 512) + block(512, 512)
    expected = 27 * 128 + 256 + stages + (512 * 256 + 256) + (256 * 10 + 10)
    assert count("resnet19", "cifar10")[0] == expected


def test_vggs_layer_by_layer() -> None:
    """Both have the same eight convolutions; they pool at different places, and vgg11 has hidden layers."""
    channels = (64, 128, 256, 256, 512, 512, 512, 512)
    convolutions = sum(9 * n_in * n_out for n_in, n_out in zip((3, *channels), channels, strict=False))
    features = convolutions + 2 * sum(channels)
    assert count("vgg9", "cifar10")[0] == features + 5130
    assert count("vgg11", "cifar10")[0] == features + 2 * (512 * 512 + 512) + 5130


def test_the_table_in_the_docs() -> None:
    rows = [
        line.split("|") for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    told = {}
    for _, arch, stages, channels, body, with_branches, *_ in rows:
        told[arch.strip(" `")] = (int(stages), channels.strip(), body.strip(), with_branches.strip())
    assert tuple(told) == ARCHITECTURES
    for arch, (n_stages, channels, body, with_branches) in told.items():
        branches = tuple(range(1, N_STAGES[arch]))
        n_body, n_branches = count(arch, "cifar10", branches)
        assert n_stages == N_STAGES[arch]
        assert body == f"{n_body / 1e6:.2f} M"
        assert with_branches == (f"{(n_body + n_branches) / 1e6:.2f} M" if branches else "")
        if n_stages:
            with torch.device("meta"):
                body_made = make_body(ModelConfig(arch=arch), SPECS["cifar10"], NeuronConfig())
            assert channels == "-".join(str(n) for n in body_made.stage_channels)  # type: ignore[union-attr]
