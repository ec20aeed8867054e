"""The files of a training: its folder, checkpoints, result, and the fields that each may hold."""
