"""Figures of a report as image files, for papers and slides."""
