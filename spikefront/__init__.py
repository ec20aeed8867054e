"""Helpers of every room: reading YAML and small files, writing files atomically, exit codes.

Imports no room and nothing heavy.
"""
