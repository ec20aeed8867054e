"""VGG-11 (Simonyan & Zisserman 2015, configuration A) for small images: eight convolutions with average
pooling, and three linear layers with 512 neurons between them instead of 4096."""

from __future__ import annotations

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures.layers import require_images, scaled
from snncore.network.architectures.vgg import VGG

GROUPS = (((64,),), ((128,),), ((256, 256),), ((512, 512), (512, 512)))
"""Channels at width 1, by stage and group; pooling comes between groups."""

HIDDEN = (512, 512)
"""Neurons at width 1."""


def build(spec: DataSpec, width: float, neuron: NeuronConfig) -> VGG:
    """The body for a data set's shape.

    Raises:
        ConfigError: the samples are no images.
    """
    require_images(spec, "vgg11")
    groups = [[scaled(group, width) for group in stage] for stage in GROUPS]
    return VGG(spec, neuron, groups, scaled(HIDDEN, width))
