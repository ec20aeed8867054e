"""Readers of image data sets, one module each."""
