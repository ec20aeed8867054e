"""Ray, its nodes, and what each of them has: CPUs, GPUs, data, versions."""
