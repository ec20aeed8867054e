"""ResNet-19 (Zheng et al. 2021, as P0 and P1 have it): 128-256-512 channels with 3, 3 and 2 blocks, and 256
neurons between the two linear layers of the classifier."""

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
    require_images(spec, "resnet19")
    *channels, n_hidden = scaled((128, 256, 512, 256), width)
    return SpikingResNet(spec, neuron, tuple(channels), (3, 3, 2), n_hidden)
