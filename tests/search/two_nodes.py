"""What the driver and the workers of `test_two_nodes` run: the fake trainer, which says where it is.

`python -m tests.search.two_nodes ...` is `python -m search.run ...` with that trainer. The second node has
nothing of the repository, so this package is sent there like the rooms.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import search
from tests.search.fakes import FakeEpoch, FakeSession, FakeTrainer

TRAINER = "tests.search.two_nodes:LocatedTrainer"
NODE = "TEST_NODE"
"""The environment of a node holds its name under this."""


class LocatedTrainer(FakeTrainer):
    """`device_model` is the node's name."""

    def session(self, config: Mapping[str, Any]) -> LocatedSession:
        super().session(config)
        return LocatedSession(config)

    def device_model(self) -> str:
        return os.environ[NODE]


class LocatedSession(FakeSession):
    """Notes each epoch it trains, in the data root of its node."""

    def run_epoch(self) -> FakeEpoch:
        row = super().run_epoch()
        noted = {"T": self.config["T"], "epoch": row.epoch, "rooms": search.__file__}
        with (Path(self.config["data"]["root"]) / "epochs.txt").open("a") as file:
            file.write(json.dumps(noted) + "\n")
        return row


def main(arguments: list[str]) -> int:
    """The command line of a search, with this trainer."""
    from search import run
    from search.cluster import ray_start

    options = run._options
    run._options = lambda *parts: replace(options(*parts), trainer=TRAINER)
    ray_start.ROOMS += ("tests",)
    return run.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
