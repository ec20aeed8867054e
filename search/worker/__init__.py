"""What runs in a worker process: a trial from probe to end, its checkpoints. Knows neither Ray nor Optuna."""
