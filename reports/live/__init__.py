"""The report of a running study, served to this machine: `python -m reports.live`."""
