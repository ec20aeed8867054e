"""Run as a program: asks for frames as a trial does, and prints their sum. It loads no torch.

`python -m tests.snncore.data.events.frame_maker ROOT [die]`: with "die" it kills itself while it makes
them, when a line comes in.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import numpy as np

from snncore.data.events.cache import FrameKey, cached_frames

M = 100


def make() -> Iterator[np.ndarray]:
    print("making", flush=True)
    for number in range(M):
        if number == M // 2 and "die" in sys.argv:
            sys.stdin.readline()
            os.kill(os.getpid(), signal.SIGKILL)
        yield np.full((1, 1, 1, 1, 1), number)


if __name__ == "__main__":
    key = FrameKey("nmnist", "train", (M, 1, 1, 1, 1), "time", "source")
    print(int(cached_frames(key, sys.argv[1], make).astype(int).sum()))
