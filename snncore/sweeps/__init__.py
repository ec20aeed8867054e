"""Sweeps over activations between two convolutions, behind one interface: torch, compiled C++, Triton.

`sweeps_for` chooses by device; SPIKEFRONT_BACKEND asks for one by name.
"""

from snncore.sweeps.choose import sweeps_for
from snncore.sweeps.interface import Fired, Norm, Sweeps, Term

__all__ = ["Fired", "Norm", "Sweeps", "Term", "sweeps_for"]
