"""What a run of a benchmark is about, and the options that all of them share."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.allocator import set_allocator
from benchmarks.peers.resnet import CHANNELS
from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.devices import default_device

BATCH_SIZE = {"cpu": 32, "cuda": 128}
SIDE = 32
"""Pixels, of colour images as CIFAR's."""


@dataclass(frozen=True)
class Setting:
    """The network, with branches after all stages but the last, and its batches."""

    arch: str
    width: float
    n_classes: int
    T: int
    batch_size: int
    device: str

    def config(self, gradient: str = "rate", precision: str = "fp32") -> Config:
        """The config of ours: cross-entropy on all heads, SGD with momentum; the neuron's defaults."""
        return make_config(
            {
                "T": self.T,
                "gradient": gradient,
                "precision": precision,
                "data": {"name": f"cifar{self.n_classes}"},
                "model": {"arch": self.arch, "width": self.width},
                "distillation": {"mode": "supervised", "branches": [1, 2, 3]},
                "optim": {"batch_size": self.batch_size},
                "measure": {"batch_size": self.batch_size},
            }
        )


def make_parser(program: str, doc: str | None) -> argparse.ArgumentParser:
    """The options that the benchmarks share; each adds its own --T and number of steps."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{program}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: CUDA where there is one")
    parser.add_argument("--arch", choices=sorted(CHANNELS), default="resnet18")
    parser.add_argument("--width", type=float, default=1.0, help="multiplies the channels")
    parser.add_argument("--classes", type=int, choices=(10, 100), default=100)
    parser.add_argument("--batch-size", type=int, help="default: 32 on a CPU, 128 on CUDA")
    parser.add_argument("--threads", type=int, help="of torch; default: what torch takes")
    parser.add_argument(
        "--allocator",
        choices=("kept", "default"),
        default="kept",
        help="of a CPU, for all rows alike; kept: freed memory is not handed back to the system",
    )
    parser.add_argument("--only", default="", help="rows whose name has one of these parts: ours,floor")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured to this file too")
    return parser


def add_load_option(parser: argparse.ArgumentParser) -> None:
    """For benchmarks of time."""
    parser.add_argument(
        "--allow-load", action="store_true", help="measure on a busy machine too, and mark the rows"
    )


def prepare(arguments: argparse.Namespace) -> None:
    """Fill in what was left open, and set up the process: before any tensor is made."""
    arguments.device = arguments.device or default_device()
    arguments.batch_size = arguments.batch_size or BATCH_SIZE[arguments.device]
    set_allocator(arguments.allocator)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    arguments.threads = torch.get_num_threads()


def settings(arguments: argparse.Namespace, T: int, **changes: Any) -> Setting:
    """The setting of prepared arguments at `T` steps; `changes` to its fields."""
    fields = {name: getattr(arguments, name) for name in ("arch", "width", "batch_size", "device")}
    return Setting(**{"n_classes": arguments.classes, "T": T, **fields, **changes})


def is_chosen(name: str, only: str) -> bool:
    """Whether a row's name has one of the comma-separated parts; none chooses all."""
    return any(part.strip() in name for part in only.split(","))
