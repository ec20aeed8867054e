"""Caches of data that take long to compute, on disk or in the process."""
