"""Export of a trained network in formats that other programs read."""
