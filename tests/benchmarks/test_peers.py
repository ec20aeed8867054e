"""The peers are the same network as ours: parameters, logits, gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.peers.resnet import Peer
from benchmarks.rows import has_snntorch, make_peer
from benchmarks.setting import Setting
from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.network.network import SpikingNetwork, build_network
from snncore.passes.passes import inference
from snncore.training.gradient import make_gradient

SETTING = Setting(arch="resnet18", width=0.125, n_classes=10, T=3, batch_size=4, device="cpu")
PEERS = ["SpikingJelly", *(["snnTorch"] if has_snntorch() else [])]
needs_snntorch = pytest.mark.skipif(not has_snntorch(), reason="snntorch is not installed")


@pytest.fixture(params=["soft", "hard"])
def config(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The setting's config, and peers of the same reset."""
    return use_reset(request.param, monkeypatch)


def use_reset(reset: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    values = SETTING.config("bptt").as_dict()
    values["neuron"]["reset"] = reset
    config = make_config(values)
    monkeypatch.setattr(Setting, "config", lambda self, *_: config)
    return config


def pair(name: str, config: Config) -> tuple[SpikingNetwork, Peer, Tensor]:
    """Ours, a peer with its weights, and images, in float64."""
    ours, peer = build_network(config).double(), make_peer(name, SETTING).double()
    missing, unexpected = peer.load_state_dict(ours.state_dict(), strict=False)
    assert not unexpected
    assert all(".lif" in key or ".stem_lif" in key for key in missing)  # constants of snnTorch's neurons
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return ours, peer, x


@pytest.mark.parametrize("name", PEERS)
def test_peers_have_our_parameters(name: str) -> None:
    ours = build_network(SETTING.config())
    peer = make_peer(name, SETTING)
    of_ours = {key: value.shape for key, value in ours.named_parameters()}
    assert {key: value.shape for key, value in peer.named_parameters()} == of_ours


def test_spikingjelly_has_the_heads_and_gradients_of_our_bptt(config: Config) -> None:
    ours, peer, x = pair("SpikingJelly", config)
    heads = make_gradient(config)(ours.train(), x).heads
    peer.train().heads(x)  # potentials of one batch must not reach the next
    of_peer = peer.heads(x)
    torch.testing.assert_close(of_peer, heads)
    assert heads.std() > 0.1
    weights = torch.randn(heads.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (heads * weights).sum().backward()
    (of_peer * weights).sum().backward()
    gradients = {key: parameter.grad for key, parameter in ours.named_parameters()}
    for key, parameter in peer.named_parameters():
        assert gradients[key] is not None
        torch.testing.assert_close(parameter.grad, gradients[key], msg=lambda text, key=key: f"{key}: {text}")


def test_spikingjelly_classifies_as_ours_does(config: Config) -> None:
    logits, expected = both_logits("SpikingJelly", config)
    torch.testing.assert_close(logits, expected)


@needs_snntorch
def test_snntorch_classifies_as_ours_does_with_hard_resets(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, expected = both_logits("snnTorch", use_reset("hard", monkeypatch))
    # It keeps the decay in float32, where 0.2 is off by 3e-9.
    torch.testing.assert_close(logits, expected, rtol=1e-6, atol=1e-6)


def both_logits(name: str, config: Config) -> tuple[Tensor, Tensor]:
    """Of a peer and of ours, in evaluation, with running statistics that are not those of the beginning."""
    ours, peer, x = pair(name, config)
    make_gradient(config)(ours.train(), x)
    peer.load_state_dict(ours.state_dict(), strict=False)
    with torch.no_grad():
        peer.eval().logits(x)  # potentials of one batch must not reach the next
        logits = peer.logits(x)
    expected = inference(ours.eval(), x, SETTING.T).mean(0)
    assert expected.std() > 0.01
    return logits, expected


@needs_snntorch
def test_snntorch_subtracts_the_threshold_a_step_later_in_soft_resets() -> None:
    lif = next(m for name, m in make_peer("snnTorch", SETTING).named_modules() if name.endswith("stem_lif"))
    neuron = SETTING.config().neuron
    x = torch.randn(6, 1000, generator=torch.Generator().manual_seed(3)) + 0.5
    v = spike = torch.zeros(1000)
    for current in x:
        v = neuron.decay * v + current - neuron.v_threshold * spike
        spike = (v > neuron.v_threshold).float()
        torch.testing.assert_close(lif(current), spike)
    assert 0 < spike.mean() < 1


@needs_snntorch
def test_snntorch_has_the_heads_of_our_bptt_where_there_is_one_step() -> None:
    """Then batch statistics and resets cannot differ."""
    setting = replace(SETTING, T=1)
    config = setting.config("bptt")
    ours, peer = build_network(config).double().train(), make_peer("snnTorch", setting).double().train()
    peer.load_state_dict(ours.state_dict(), strict=False)
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(peer.heads(x), make_gradient(config)(ours, x).heads)
