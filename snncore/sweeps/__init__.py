"""Sweeps: what is computed on activations between two convolutions, in torch, compiled C++ or Triton.

`sweeps_for` chooses the backend by device; SPIKEFRONT_BACKEND requests one by name.
"""

from snncore.sweeps.choose import sweeps_for
from snncore.sweeps.interface import Fired, Norm, Sweeps, Term

__all__ = ["Fired", "Norm", "Sweeps", "Term", "sweeps_for"]
