"""Data that take long to make, kept on the disk or in the process."""
