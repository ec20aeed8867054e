"""Memory, latency and compute of a config, measured before it is trained."""
