"""What every room stands on: reading YAML and other small files, writing files whole, ending commands well.

Knows no room, and loads nothing heavy.
"""
