"""How long a new user waits: from the command to the end of the first trial's first epoch.

    python -m benchmarks.first_use --runs 3

Starts `python -m search.run --space digits` in an empty folder and watches the study's journal, which the
driver writes as soon as a worker reports. Prints each run's seconds, the median, and the machine's load
before each run; the study is then stopped as a user would, with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIRST_EPOCH = b"epoch-0001"
TIMEOUT_S = 120.0


def seconds_to_first_epoch(space: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "runs" / space / "journal.log"
        command = [sys.executable, "-m", "search.run", "--space", space]
        started = time.perf_counter()
        driver = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while time.perf_counter() - started < TIMEOUT_S:
                if journal.exists() and FIRST_EPOCH in journal.read_bytes():
                    return time.perf_counter() - started
                time.sleep(0.02)
            raise TimeoutError(f"no epoch within {TIMEOUT_S:.0f} s")
        finally:
            driver.send_signal(signal.SIGINT)
            driver.wait(timeout=60)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_use")
    parser.add_argument("--space", default="digits")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args(argv)
    seconds = []
    for number in range(1, arguments.runs + 1):
        load = os.getloadavg()[0]
        seconds.append(seconds_to_first_epoch(arguments.space))
        print(f"run {number}: {seconds[-1]:.1f} s (load before {load:.1f})", flush=True)
    print(f"median {statistics.median(seconds):.1f} s on {os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
