"""How T time steps run through a network, forward and backward: rate gradient, BPTT, evaluation."""

from snncore.passes.passes import NetworkOutput, Pass

__all__ = ["NetworkOutput", "Pass"]
