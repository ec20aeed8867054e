"""One thread for every process of the tests: networks here are tiny, and on a busy machine threads of one
process that wait for one another take many times longer than a single one."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in every child
