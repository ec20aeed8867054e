"""How quantities, axes and times are written for people."""
