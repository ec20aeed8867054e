"""How T time steps run through a network, forward and backward: rate gradient, BPTT, evaluation."""
