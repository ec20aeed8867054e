"""Evaluation of a trained network: accuracy, early exit, operations, attacks."""
