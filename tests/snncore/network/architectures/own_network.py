"""A network of one's own: `model: {arch: "own_network:build"}`, with this file where Python finds modules."""

from torch import Tensor, nn

from snncore.config import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network import NetworkOutput
from snncore.neuron import LIF
from snncore.passes import Pass


class OwnNetwork(nn.Module):
    """Two convolutions with neurons, and a linear layer on what they fire on average."""

    def __init__(self, spec: DataSpec, width: float, neuron: NeuronConfig) -> None:
        super().__init__()
        narrow, wide = max(1, round(16 * width)), max(1, round(32 * width))
        self.stage_channels = (narrow, wide)  # a branch can stand after each of the two
        self.has_time = spec.has_time
        self.conv1 = nn.Conv2d(spec.channels, narrow, 3, padding=1, bias=False)
        self.norm1, self.lif1 = nn.BatchNorm2d(narrow), LIF(neuron)
        self.conv2 = nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False)
        self.norm2, self.lif2 = nn.BatchNorm2d(wide), LIF(neuron)
        self.classifier = nn.Linear(wide, spec.n_classes)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        """x: a batch (N, C, H, W), or event frames (T, N, C, H, W)."""
        x = run.enter(self.conv1, x, self.has_time)  # all before the first norm or neuron
        first = run.fire(self.lif1, run.norm(self.norm1, x))
        second = run.fire(self.lif2, run.norm(self.norm2, self.conv2(first)))
        return NetworkOutput([first, second], self.classifier(second.mean((2, 3))))


def build(spec: DataSpec, width: float, neuron: NeuronConfig) -> nn.Module:
    """The factory that `model.arch` names."""
    return OwnNetwork(spec, width, neuron)
