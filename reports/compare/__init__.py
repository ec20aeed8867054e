"""Several studies on one page: `python -m reports.compare runs/a runs/b`."""

from reports.compare.build import compare

__all__ = ["compare"]
