"""A trained network in forms that other programs read."""
