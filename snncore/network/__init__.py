"""Networks: bodies by architecture, ANN branches, and the network that is trained."""

from snncore.network.network import SpikingNetwork
from snncore.passes.passes import NetworkOutput

__all__ = ["NetworkOutput", "SpikingNetwork"]
