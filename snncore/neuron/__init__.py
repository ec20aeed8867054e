"""Spiking neurons, their surrogate gradients, and the precision they run in."""

from snncore.neuron.neuron import LIF

__all__ = ["LIF"]
