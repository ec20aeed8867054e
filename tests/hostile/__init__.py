"""Hostile input for every door of the product: see `python -m tests.hostile --help`."""
