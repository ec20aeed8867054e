"""Which config is tried next: samplers, baselines, warm starts, and what is probed before a choice."""
