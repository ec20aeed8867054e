"""Training: the step, its loss and optimizer, sessions, checkpoints, several processes."""
