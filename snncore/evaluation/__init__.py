"""What a trained network is worth: accuracy, early exit, operations, attacks."""
