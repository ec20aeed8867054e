"""Which trials end before their last epoch."""
