"""ResNet-18 for small images (P0, P1): 64-128-256-512 channels, two blocks a stage."""

from __future__ import annotations

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures.layers import require_images, scaled
from snncore.network.architectures.resnet import SpikingResNet


def build(spec: DataSpec, width: float, neuron: NeuronConfig) -> SpikingResNet:
    """The body for a data set's shape.

    Raises:
        ConfigError: the samples are no images.
    """
    require_images(spec, "resnet18")
    return SpikingResNet(spec, neuron, scaled((64, 128, 256, 512), width), (2, 2, 2, 2))
