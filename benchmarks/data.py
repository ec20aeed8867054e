"""Training images per second: our batches, and torchvision's transforms in torch's DataLoader.

    python -m benchmarks.data                          # digits, and 50,000 images in CIFAR-10's files

CIFAR-10's files hold random pixels, written into a temporary folder. The loader is run with and without
worker processes; a worker's start-up, and what it prepares meanwhile, are not timed. × step: milliseconds per
batch over those of a training step of `--arch` in bf16 on CIFAR-10's images, measured in the same run: what
loading adds to a step where nothing hides it. Exits with 1 on a busy machine.
"""

from __future__ import annotations

import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.image_sets import PREFETCH, TorchvisionImages, read, torchvision_batches, write_cifar10
from benchmarks.rounds import Times, interleaved, wait
from benchmarks.rows import training_rows
from benchmarks.setting import add_load_option, is_chosen, make_parser, prepare, settings
from benchmarks.surroundings import describe, in_words, is_quiet
from benchmarks.table import markdown, number, timed_row, write_json
from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.data.batches.batches import Batch, training_batches
from snncore.measure.timing import ForeignLoad

SETS = {
    "digits": ("none", "crop_flip"),
    "cifar10": ("none", "crop_flip", "autoaugment"),
}
"""With their augmentations: digits are grey, and have no colours that could be changed."""

STEP = "ours rate bf16"

OURS = "ours"


def main(argv: list[str] | None = None) -> int:
    parser = make_parser("data", __doc__)
    parser.add_argument("--T", type=int, default=6, help="time steps of the training step beside it")
    parser.add_argument("--steps", type=int, default=5, help="turns of each row")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn")
    parser.add_argument("--images", type=int, default=50_000, help="in CIFAR-10's files")
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 2], help="of torch's DataLoader")
    add_load_option(parser)
    arguments = parser.parse_args(argv)
    prepare(arguments)
    if not is_quiet(arguments.allow_load):
        return 1
    environment = describe(arguments.threads, arguments.allocator, arguments.device)
    print(in_words(environment))
    step = step_times(arguments)
    print(f"batch {arguments.batch_size}, {arguments.device}; a training step: {step.median_ms:.1f} ms\n")
    with tempfile.TemporaryDirectory() as folder:
        write_cifar10(Path(folder), arguments.images)
        rows = measured(arguments, folder, step.median_ms)
    print(table(rows))
    write_json(arguments, "data", environment, rows)
    return 0


def step_times(arguments: Namespace) -> Times:
    """A training step of the same batch size."""
    (row,) = (row for row in training_rows() if row.name == STEP)
    subject = row.variants[""](settings(arguments, arguments.T))
    return interleaved({STEP: subject.run}, arguments.device, arguments.steps, n_warmup=2)[STEP]


def measured(arguments: Namespace, root: str, step_ms: float) -> list[dict[str, Any]]:
    """Set by set and augmentation by augmentation; within one, the rows take turns."""
    result = []
    for name, augmentations in SETS.items():
        for augment in augmentations:
            data = {"name": name, "root": root, "augment": augment}
            config = make_config({"data": data, "optim": {"batch_size": arguments.batch_size}})
            sources = pipelines(config, arguments)
            times = {source.name: Times() for source in sources}
            for _ in range(arguments.steps):
                for source in sources:
                    turn(source, times[source.name], arguments)
            rows = [as_row(source, times[source.name], arguments.batch_size) for source in sources]
            add_comparisons(rows, step_ms if name == "cifar10" else None)
            result += [{"set": name, "augment": augment, **row} for row in rows]
    return result


class Source(NamedTuple):
    """stream(): endless batches, epoch after epoch; closing it ends its workers."""

    name: str
    n_workers: int
    stream: Callable[[], Iterator[Batch]]


def pipelines(config: Config, arguments: Namespace) -> list[Source]:
    """The ways to the same batches."""
    data = read(config)
    ours = training_batches(data, config, arguments.device)
    images = TorchvisionImages(data, config.data.augment)
    sources = [Source(OURS, 0, lambda: chain.from_iterable(map(ours.epoch, count(1))))]
    for n in arguments.workers:
        stream = partial(torchvision_batches, images, arguments.batch_size, n, arguments.device)
        sources.append(Source(f"torchvision, {n} workers", n, stream))
    return [source for source in sources if is_chosen(source.name, arguments.only)]


def turn(source: Source, times: Times, arguments: Namespace) -> None:
    """Time batches for a while, and note their mean: workers prepare several at once."""
    batches = source.stream()
    for _ in islice(batches, 1 + PREFETCH * source.n_workers):  # what workers have ready before anyone asks
        pass
    wait(arguments.device)
    load, started = ForeignLoad(), time.perf_counter()
    n, elapsed = 0, 0.0
    while elapsed < arguments.seconds:
        next(batches)
        wait(arguments.device)
        n += 1
        elapsed = time.perf_counter() - started
    times.times_ms.append(1000 * elapsed / n)
    times.turn_s += elapsed
    if source.n_workers == 0:  # workers are processes of their own, and would count as other people's
        times.busy_core_s += load.busy_cores() * elapsed


def as_row(source: Source, times: Times, batch_size: int) -> dict[str, Any]:
    row = timed_row(source.name, times)
    is_known = source.n_workers == 0
    return {
        **row,
        "busy_cores": row["busy_cores"] if is_known else None,
        "under_load": row["under_load"] if is_known else None,
        "images_per_s": 1000 * batch_size / times.median_ms,
    }


def add_comparisons(rows: list[dict[str, Any]], step_ms: float | None) -> None:
    """Set to_torchvision: images per second over those of its fastest loader; to_step: time over a step's."""
    fastest = max((row["images_per_s"] for row in rows if row["name"] != OURS), default=None)
    for row in rows:
        row["to_torchvision"] = None if fastest is None else row["images_per_s"] / fastest
        row["to_step"] = None if step_ms is None else row["median_ms"] / step_ms


def table(rows: list[dict[str, Any]]) -> str:
    cells = [
        (
            row["set"],
            row["augment"],
            row["name"] + ("*" if row["under_load"] else ""),
            f"{row['images_per_s']:,.0f}",
            number(row["to_torchvision"], 1),
            f"{row['median_ms']:.2f}",
            number(row["to_step"], 4),
        )
        for row in rows
    ]
    header = ("set", "augment", "row", "images/s", "× torchvision", "ms a batch", "× step")
    return markdown(header, cells)


if __name__ == "__main__":
    raise SystemExit(main())
