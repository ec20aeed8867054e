"""The product's own doors, called as a user would: `python -m MODULE ARGUMENTS`, up to where work begins.

What would train or start Ray ends there with exit code 0: the input has been taken.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.hostile import live_request, planted

MODULES = (
    "search.run",
    "search.record",
    "search.simulate",
    "search.cli",
    "snncore.train",
    "snncore.evaluate",
    "snncore.export_network",
    "studies.show",
    "studies.export",
    "studies.tensorboard",
    "reports.build",
    "reports.compare",
)
FUNCTIONS: dict[str, Callable[[Sequence[str]], int]] = {
    "live-request": live_request.main,
    **planted.COMMANDS,
}


def warm_up() -> None:
    """Import what the commands import, so that a fork of this process has it."""
    import aedat  # noqa: F401
    import h5py  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import plotly.graph_objects  # noqa: F401
    import ray  # noqa: F401
    import tensorboard.plugins.hparams.summary_v2  # noqa: F401

    from snncore.data.torchvision_shim import import_torchvision

    import_torchvision()
    for name in (
        *MODULES,
        *(
            "search.engine",
            "search.simulate.__main__",
            "search.propose.warm_start",
            "search.propose.initial_queue",
        ),
        *("snncore.train", "snncore.evaluate", "snncore.evaluation.predictor", "snncore.export.nir"),
        *("snncore.data.install.install", "snncore.data.sets.imagenet", "snncore.data.events.read"),
        *("reports.page", "reports.live.server", "reports.paper.images", "studies.tensorboard"),
    ):
        __import__(name)


def run(argv: Sequence[str]) -> Any:
    """Run a command in this process; its exit code as Python has it (None, an int, or a text)."""
    _show_faults()
    if argv[0] in FUNCTIONS:
        return FUNCTIONS[argv[0]](argv[1:])
    assert argv[0] in MODULES, argv
    _stay_on_this_machine()
    _stop_before_work(with_network="--resume" in argv)
    sys.argv = list(argv)
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*found in sys.modules.*")
        try:
            runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            return end.code
    return 0


def _stop_before_work(with_network: bool) -> None:
    """Nothing is trained here, and no Ray is started."""
    import ray

    import snncore.final_training
    from snncore.training.session import TrainingSession

    def end(*_: Any, **__: Any) -> Any:
        raise SystemExit(0)

    ray.init = end
    TrainingSession.run_epoch = end  # type: ignore[method-assign]
    if not with_network:  # how large a network may be is for the probe to find out
        snncore.train.TrainingSession = _reads_data  # type: ignore[assignment,misc]


def _show_faults() -> None:
    """The last resort at the edge of a command tells a fault in two lines; here with its traceback."""
    import spikefront.command

    tell = spikefront.command.fault

    def tell_all(error: BaseException) -> str:
        traceback.print_exception(error)
        return tell(error)

    spikefront.command.fault = tell_all


def _stay_on_this_machine() -> None:
    """No name but this machine's is found, so nothing is downloaded."""
    find = socket.getaddrinfo

    def find_here(host: Any, *arguments: Any, **options: Any) -> Any:
        if host in (None, "", "127.0.0.1", "::1", "localhost", b"localhost"):
            return find(host, *arguments, **options)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    socket.getaddrinfo = find_here
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)


def _reads_data(config: Any, *_: Any) -> Any:
    """In the place of a session: all data are read, and a sample of each part is looked at."""
    import torch

    from snncore.data.batches.batches import eval_batches
    from snncore.data.load import load_data

    data = load_data(config.data, config.T)
    for split in (data.train, data.val, data.read_test()):
        if len(split):
            part = split.subset(torch.arange(min(2, len(split))))
            with contextlib.suppress(StopIteration):
                next(eval_batches(part, 2, data.normalisation, device="cpu"))
    raise SystemExit(0)
