"""Networks: bodies by architecture, branches, and the whole that is trained."""

from snncore.network.network import SpikingNetwork
from snncore.passes.passes import NetworkOutput

__all__ = ["NetworkOutput", "SpikingNetwork"]
