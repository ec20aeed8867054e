"""Train one config to the end: command line, progress bar, readable errors.

    python -m snncore.train best.yaml
    python -m snncore.train best.yaml --resume
    python -m snncore.train best.yaml --set data.val_fraction=0      # train on everything
    torchrun --nproc-per-node 8 -m snncore.train best.yaml           # one network on eight GPUs

With several processes the first one prints; errors are printed once on every node.
"""

from __future__ import annotations

import argparse
import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from snncore.config.load import load_config
from snncore.config.overrides import parse_overrides
from snncore.config.own_arch import own_module
from snncore.config.schema import Config
from snncore.errors import DivergedError, SilentNetworkError, UserError
from snncore.saved.folder import planned_folder
from snncore.training.launch import is_main_process, local_rank
from spikefront.accuracy import SPLITS, accuracy_text, split_remarks
from spikefront.command import run_command
from spikefront.errors import FailedError
from spikefront.lazy import lazy_names
from spikefront.numbers import whole

if TYPE_CHECKING:
    from snncore.saved.result import TrainResult


__getattr__ = lazy_names(
    __name__, dict.fromkeys(("train", "TrainResult"), "snncore.final_training")
)  # --help needs no torch


def main(argv: list[str] | None = None) -> int:
    """Train a config file; 0 done, 1 diverged, 2 bad input or no spikes, 130 stopped by the user."""
    return run_command(
        lambda: _command(_parser().parse_args(argv)),
        stopped="stopped; --resume continues from the last full epoch",
        is_silent=local_rank() > 0,
    )


def _command(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config, parse_overrides(arguments.set))
    try:
        return _run(config, planned_folder(config, arguments.config, arguments.out), arguments)
    except DivergedError as error:
        raise FailedError(f"{error}; try a lower optim.lr") from error
    except SilentNetworkError as error:
        raise UserError(f"{error}; {_remedy(config)}") from error


def _remedy(config: Config) -> str:
    threshold = config.neuron.v_threshold
    return f"there is no result. Lower neuron.v_threshold, which is {threshold:g}, or raise T or optim.lr"


def _run(config: Config, out: Path, arguments: argparse.Namespace) -> int:
    from snncore.final_training import train

    console = Console(soft_wrap=True, quiet=not is_main_process())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        result = train(
            config,
            out,
            resume=arguments.resume,
            device=arguments.device,
            threads=arguments.threads,
            on_epoch=_reporter(config, console, progress),
        )
    if is_main_process():
        _print_result(result, console)
        for line in _about_study(result, config):
            console.print(line, markup=False, highlight=False)
    return 0


def _about_study(result: TrainResult, config: Config) -> list[str]:
    """How the study that the config came from, if any, can show the result.

    An exported config has `out`: RUN/finals/trial-NNNN.
    """
    planned = Path(config.out or "")
    if config.origin is None or planned.parent.name != "finals":
        return []
    run = planned.parent.parent
    if not (run / "trials.parquet").is_file():
        return [f"study: no {run} here; move or link this folder into its finals/ for it to show the result"]
    is_there = result.folder.resolve().parent == planned.parent.resolve()
    name = shlex.quote(str(run))
    return [
        *(
            []
            if is_there
            else [f"study: move or link this folder into {planned.parent} for it to show the result"]
        ),
        *_about_threads(result.threads),
        "promised against obtained, in the terminal and in the report:",
        f"  python -m studies.show {name}",
        f"  python -m reports.build {name}",
    ]


def _about_threads(n: int | None) -> list[str]:
    """A line on why the result may differ from the trial in the study."""
    if n is None:
        return []
    return [
        f"trained with {n} thread{'s'[: n != 1]}; on a CPU results depend on their number: "
        "--threads with the resources.cpu of the space, 1 if it has none, repeats a trial's"
    ]


def _print_result(result: TrainResult, console: Console) -> None:
    each = "" if result.n_processes == 1 else f" in each of {result.n_processes} processes"
    folder = shlex.quote(str(result.folder))
    allowed = " --allow-code" if own_module(result.config.model.arch) else ""
    for line in [
        *_about_accuracy(result),
        f"epoch {result.epochs_trained}, the last; "
        f"{result.metrics['train_memory_mib']:.1f} MiB to train{each}, "
        f"{result.metrics['latency_ms']:.2f} ms a batch of {result.config.measure.batch_size}",
        *_about_silence(result),
        f"accuracy at every step: python -m snncore.evaluate {folder}{allowed}",
        f"written to {result.folder}",
    ]:
        console.print(line, markup=False, highlight=False)


def _about_accuracy(result: TrainResult) -> list[str]:
    """The accuracies with a description of their data, and remarks on what limits their meaning."""
    accuracies = {"test": result.test_accuracy, "val": result.val_accuracy}
    lines = [
        f"{SPLITS[split]} accuracy {accuracy_text(value, vars(result), split)}"
        for split, value in accuracies.items()
        if value is not None
    ]
    none = ["no validation"] if result.val_accuracy is None else []
    return [*lines, *none, *split_remarks(accuracies, vars(result))]


def _about_silence(result: TrainResult) -> list[str]:
    """A line on layers that never fire."""
    if not result.silent_layers:
        return []
    layers = ", ".join(str(layer) for layer in result.silent_layers)
    return [f"neuron layer {layers} never fires: train longer, or lower neuron.v_threshold"]


def _reporter(config: Config, console: Console, progress: Progress) -> Callable[[Any], None]:
    """A bar on a terminal, a line per epoch elsewhere."""
    task = progress.add_task("training", total=config.optim.epochs)

    def report(epoch: Any) -> None:
        text = f"loss {epoch.train_loss:.3f}  training {epoch.train_accuracy:.2f} %"
        if not math.isnan(epoch.val_accuracy):
            text += f"  validation {epoch.val_accuracy:.2f} %"
        progress.update(task, completed=epoch.epoch, description=text)
        if progress.disable:
            console.print(f"epoch {epoch.epoch}/{config.optim.epochs}  {text}", highlight=False)

    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m snncore.train", description="Train one config to the end."
    )
    parser.add_argument("config", help="config file, for example one that studies.export wrote")
    parser.add_argument("--out", help="folder to write (default: the config's out, else its file name)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="override a field; may be repeated"
    )
    parser.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument(
        "--threads",
        type=whole(),
        help="torch threads on the CPU, 1 or more (default: all cores, shared out)",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
