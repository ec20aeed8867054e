"""Spiking neurons, their surrogate gradients, and the precision they run in."""
