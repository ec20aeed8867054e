"""VGG-9: eight convolutions and a linear layer, as direct training of SNNs uses it on CIFAR and on event
cameras (the VGGSNN of Deng et al. 2022, ICLR; P2 names the depth, not the channels)."""

from __future__ import annotations

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures.layers import require_images, scaled
from snncore.network.architectures.vgg import VGG

GROUPS = (((64, 128),), ((256, 256),), ((512, 512), (512, 512)))
"""Channels at width 1, by stage and group; the last stage has two groups, so that each stage has twice the
channels of the one before, as branches expect."""


def build(spec: DataSpec, width: float, neuron: NeuronConfig) -> VGG:
    """The body for a data set's shape.

    Raises:
        ConfigError: the samples are no images.
    """
    require_images(spec, "vgg9")
    return VGG(spec, neuron, [[scaled(group, width) for group in stage] for stage in GROUPS])
