"""Export: a NIR file read back by SpikingJelly gives the same logits; weights load without this code."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from snncore.config.load import make_config
from snncore.config.schema import ARCHITECTURES, NeuronConfig
from snncore.data.batches.normalisation import Normalisation
from snncore.errors import UserError
from snncore.evaluation.predictor import Predictor
from snncore.export.nir import DT, to_nir, write_nir
from snncore.export.weights import weights
from snncore.export_network import SUFFIXES, export_network, main
from snncore.network.network import SpikingNetwork, build_network
from snncore.neuron.quiet import quiet_spikingjelly
from snncore.passes.passes import inference
from tests.snncore.tiny import randomised, tiny_network

T = 6
HARD = NeuronConfig(decay=0.3, v_threshold=0.8, reset="hard")
NORMALISATION = Normalisation((0.2,), (0.3,))


def read_back(graph: nir.NIRGraph, frames: Tensor) -> Tensor:
    """Logits (T, N, K) of SpikingJelly's network for the frames (T, N, C, H, W)."""
    with quiet_spikingjelly():
        from spikingjelly.activation_based.nir_exchange import import_from_nir

        network = import_from_nir(graph, dt=DT, dtype=torch.float64, step_mode="m")
        with torch.no_grad():
            logits: Tensor = network(frames)[0]
    return logits


def example(network: SpikingNetwork, n: int = 3) -> Tensor:
    """Normalised images (N, C, H, W), or frames of small counts (T, N, C, H, W)."""
    generator = torch.Generator().manual_seed(4)
    if network.spec.has_time:
        counts = torch.randint(0, 3, (T, n, *network.spec.image_shape), generator=generator)
        return counts.double()
    return torch.randn(n, *network.spec.image_shape, generator=generator, dtype=torch.float64)


def assert_round_trip(network: SpikingNetwork, path: Path) -> nir.NIRGraph:
    x = example(network)
    write_nir(network, path, T, NORMALISATION)
    graph = nir.read(path)
    frames = x if network.spec.has_time else x.expand(T, *x.shape)
    expected = inference(network, x, T)
    torch.testing.assert_close(read_back(graph, frames), expected, rtol=0, atol=1e-9)
    assert (expected[0] != expected[-1]).any()  # the potentials matter
    assert expected.std(1).max() > 1e-2  # and the samples
    return graph


@pytest.mark.parametrize("has_time", [False, True])
def test_tiny_survives_the_round_trip(has_time: bool, tmp_path: Path) -> None:
    graph = assert_round_trip(tiny_network(HARD, channels=2, has_time=has_time), tmp_path / "net.nir")
    kinds = {type(node).__name__ for node in graph.nodes.values()}
    assert kinds == {"Input", "Conv2d", "LIF", "AvgPool2d", "Flatten", "Affine", "Output"}
    assert graph.nodes["x"].input_type["input"].tolist() == [2, 4, 4]
    assert graph.metadata["T"] == T
    assert graph.metadata["dt"] == DT
    assert graph.metadata["mean"].tolist() == [0.2]
    assert graph.metadata["std"].tolist() == [0.3]


def architecture(arch: str, data: dict[str, Any], width: float = 0.125) -> SpikingNetwork:
    fields = {
        "model": {"arch": arch, "width": width},
        "neuron": {"reset": "hard", "decay": 0.5},
        "data": data,
    }
    return randomised(build_network(make_config(fields)))


@pytest.mark.parametrize("events", ["none", "saccades"])
@pytest.mark.parametrize("arch", ["convnet", "resnet18"])
def test_published_shapes_survive_the_round_trip(arch: str, events: str, tmp_path: Path) -> None:
    network = architecture(arch, {"name": "cifar10", "events": events})
    graph = assert_round_trip(network, tmp_path / "net.nir")
    n_layers = sum(isinstance(module, nn.Conv2d) for module in network.body.modules())
    assert sum(isinstance(node, nir.Conv2d) for node in graph.nodes.values()) == n_layers  # no norm left over
    (pool,) = [node for node in graph.nodes.values() if isinstance(node, nir.AvgPool2d)]
    assert np.asarray(pool.kernel_size).tolist() == np.asarray(pool.stride).tolist() == [4, 4]


@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if arch not in ("convnet", "resnet18")])
def test_every_other_architecture_survives_it_too(arch: str, tmp_path: Path) -> None:
    assert_round_trip(architecture(arch, {"name": "cifar10"}, width=0.0625), tmp_path / "net.nir")


def test_the_max_pooling_of_the_imagenet_stem_is_refused() -> None:
    network = architecture("preact_resnet34", {"name": "imagenet"}, width=0.0625)
    with pytest.raises(UserError, match=r"the network uses '\w+', which cannot be exported"):
        to_nir(network)


def test_branches_are_not_exported(tmp_path: Path) -> None:
    fields = {"neuron": {"reset": "hard"}, "model": {"width": 0.25}}
    plain = build_network(make_config(fields))
    branched = build_network(make_config(fields | {"distillation": {"mode": "reliable", "branches": [1]}}))
    assert set(to_nir(plain).nodes) == set(to_nir(branched).nodes)
    assert set(weights(plain)) == set(weights(branched))


def test_a_soft_reset_is_refused_with_its_field(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"neuron\.reset: NIR has the hard reset only.*'soft'"):
        write_nir(tiny_network(), tmp_path / "net.nir", T, NORMALISATION)
    assert list(tmp_path.iterdir()) == []


def test_a_grouped_convolution_is_refused() -> None:
    network = tiny_network(HARD)
    network.body.conv = nn.Conv2d(2, 4, 3, groups=2)
    network.body.norm = nn.BatchNorm2d(4)
    network.body.shortcut = nn.Conv2d(2, 4, 3)
    network.body.classifier = nn.Linear(4, 3)
    with pytest.raises(UserError, match=r"model\.arch: cannot be expressed in NIR: Grouped convolutions"):
        to_nir(network.double())


def predictor(network: SpikingNetwork) -> Predictor:
    return Predictor(make_config({"T": T}), network, NORMALISATION, "cpu")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_are_those_of_the_body_and_load_without_running_code(suffix: str, tmp_path: Path) -> None:
    network = tiny_network(channels=2).to(memory_format=torch.channels_last)
    path = export_network(predictor(network), tmp_path / f"net{suffix}")
    loaded = torch.load(path, weights_only=True) if suffix == ".pt" else load_file(path)
    expected = network.body.state_dict()
    assert set(loaded) == set(expected)
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)
    assert all(value.is_contiguous() for value in loaded.values())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_folded_weights_hold_no_norms_and_name_their_layers(tmp_path: Path) -> None:
    network = tiny_network(channels=2)
    path = export_network(predictor(network), tmp_path / "net.pt", fold_norms=True)
    loaded = torch.load(path, weights_only=True)
    assert set(loaded) == {
        *("stem.weight", "stem.bias", "conv.weight", "conv.bias", "shortcut.weight"),
        *("classifier.weight", "classifier.bias"),
    }
    body: Any = network.body
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    folded = nn.functional.conv2d(x, loaded["conv.weight"], loaded["conv.bias"], stride=2, padding=1)
    torch.testing.assert_close(folded, body.norm(body.conv(x)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.onnx", r"allowed: a name that ends in \.nir, \.safetensors, \.pt"),
        ("there.pt", "exists already"),
        ("nowhere/net.pt", "there is no folder"),
        ("net.nir", r"neuron\.reset"),
    ],
)
def test_what_cannot_be_written_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "there.pt").write_text("mine")
    with pytest.raises(UserError, match=message):
        export_network(predictor(tiny_network()), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["there.pt"]
    assert (tmp_path / "there.pt").read_text() == "mine"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_read_only_place_is_told(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)  # refuses also what is not there
    with pytest.raises(UserError, match=r"--out: .* cannot be written: Read-only file system$"):
        export_network(predictor(tiny_network(HARD)), tmp_path / f"net{suffix}")


def test_the_command_tells_a_mistake_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none"), "--out", str(tmp_path / "net.nir")]) == 2
    error = capsys.readouterr().err
    assert "no config.yaml" in error
    assert "Traceback" not in error
