"""From samples in memory or in files to batches on a device."""
