"""What a training leaves on the disk: its folder, checkpoints, result, and what each may hold."""
