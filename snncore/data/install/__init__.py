"""Installs a data set: download, check, unpack."""
