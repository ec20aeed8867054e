"""Evaluate a trained network: measure what the options ask for, in one pass if possible, and print it.

python -m snncore.evaluate best.yaml        # the trained config or its folder; accuracy on the test split
python -m snncore.evaluate FOLDER --split val --confusion --early-exit 0.9,0.99 --pgd 0.03
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from snncore.config.own_arch import ALLOW_CODE
from snncore.config.schema import NeuronConfig
from snncore.errors import UserError
from snncore.saved.folder import training_folder
from spikefront.command import run_command
from spikefront.lazy import lazy_names
from spikefront.numbers import whole

if TYPE_CHECKING:
    from snncore.evaluation.attacks import Robustness


__getattr__ = lazy_names(
    __name__, dict.fromkeys(("evaluate", "Evaluation"), "snncore.evaluation.evaluate")
)  # --help needs no torch


def main(argv: list[str] | None = None) -> int:
    """Evaluate a finished training; 0 done, 2 bad input, 130 stopped by the user."""
    return run_command(lambda: _command(_parser().parse_args(argv)))


def _command(arguments: argparse.Namespace) -> int:
    if arguments.json is not None and not Path(arguments.json).parent.is_dir():
        raise UserError(f"--json: there is no folder {Path(arguments.json).parent}")
    report = _measure(arguments)
    if arguments.json is not None:
        _write_json(Path(arguments.json), report)
    from snncore.evaluation.report import print_report

    print_report(report, Console(soft_wrap=True))
    return 0


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All requested measurements as JSON values; without keys for the others."""
    from snncore.evaluation.confusion import Confusion
    from snncore.evaluation.early_exit import EarlyExit
    from snncore.evaluation.predictor import load
    from spikefront.accuracy import about_split

    attacks = dict(_attacks(arguments))  # refuses bad numbers before any work
    early_exit = EarlyExit(_numbers(arguments.early_exit)) if arguments.early_exit else None
    folder = training_folder(arguments.training)
    predictor = load(folder, arguments.device, allow_code=arguments.allow_code)
    if attacks and predictor.network.spec.has_time:
        raise UserError("--fgsm, --pgd: need still images; this network was trained on event frames")
    confusion = Confusion(predictor.network.spec.n_classes) if arguments.confusion else None
    observers = [observer for observer in (early_exit, confusion) if observer is not None]
    split = predictor.read(arguments.split, arguments.samples)
    if len(split) == 0:
        raise UserError(f"--split {arguments.split}: it is empty (data.val_fraction is 0); use --split test")
    evaluation = predictor.evaluate(split, observers)
    report: dict[str, Any] = {
        "folder": str(folder),
        "split": arguments.split,
        "accuracy": evaluation.accuracy,
        "balanced_accuracy": evaluation.balanced_accuracy,
        **asdict(evaluation),
        **evaluation.by_steps,
        "exit_confidence": predictor.config.measure.exit_confidence,
        **about_split(arguments.split, evaluation.n_per_class),
    }
    if early_exit is not None:
        report["early_exit"] = [asdict(result) for result in early_exit.results()]
    if confusion is not None:
        report["confusion"] = confusion.counts().tolist()
    if arguments.operations:
        report["operations"] = asdict(predictor.count_operations(split))
    for name, attack in attacks.items():
        robustness = predictor.robustness(split, attack, arguments.seed)
        report[name] = _robustness(robustness, predictor.config.neuron) | {"seed": arguments.seed}
    return report


def _robustness(robustness: Robustness, neuron: NeuronConfig) -> dict[str, Any]:
    first = asdict(robustness.attacks[0])
    del first["surrogate"]
    through = [
        {
            "surrogate": neuron.surrogate if attack.surrogate is None else attack.surrogate.name,
            "surrogate_slope": neuron.surrogate_slope if attack.surrogate is None else attack.surrogate.slope,
            "is_own": attack.surrogate is None,
            "robust_accuracy": accuracy,
        }
        for attack, accuracy in zip(robustness.attacks, robustness.by_attack, strict=True)
    ]
    return {**first, "robust_accuracy": robustness.accuracy, "through": through}


def _attacks(arguments: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    from snncore.evaluation.attacks import fgsm, pgd

    if arguments.fgsm is not None:
        yield "fgsm", fgsm(arguments.fgsm)
    if arguments.pgd is not None:
        yield "pgd", pgd(arguments.pgd, arguments.pgd_steps, arguments.pgd_step_size)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--early-exit: got {text!r}, allowed: numbers such as 0.9,0.99") from error


def number(text: str) -> float:
    """A number or a fraction such as 8/255; argparse reports a ValueError as an invalid argument."""
    numerator, slash, denominator = text.partition("/")
    return float(numerator) / float(denominator) if slash and float(denominator) else float(text)


def _write_json(path: Path, report: dict[str, Any]) -> None:
    from snncore.saved.result import jsonable

    try:
        path.write_text(json.dumps(jsonable(report), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--json: {path} cannot be written: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m snncore.evaluate", description="Evaluate a training.")
    parser.add_argument(
        "training", help="config file that was trained, or the folder that snncore.train wrote"
    )
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument(
        "--samples",
        type=whole(),
        metavar="N",
        help="only N samples, stratified, always the same (default: all)",
    )
    parser.add_argument(
        "--early-exit", metavar="P,P", help="stop a sample once the network is so sure, such as 0.9,0.99"
    )
    parser.add_argument("--confusion", action="store_true", help="count true against predicted classes")
    parser.add_argument("--operations", action="store_true", help="count synaptic operations and energy")
    parser.add_argument(
        "--fgsm", type=number, metavar="EPS", help="attack by FGSM; EPS of pixels 0 to 1, such as 8/255"
    )
    parser.add_argument("--pgd", type=number, metavar="EPS", help="attack by PGD; EPS as for FGSM")
    parser.add_argument(
        "--pgd-steps", type=whole(), default=10, metavar="N", help="steps of PGD (default: 10)"
    )
    parser.add_argument(
        "--pgd-step-size", type=number, metavar="SIZE", help="of each step (default: 2.5*EPS/steps)"
    )
    parser.add_argument("--seed", type=whole(), default=0, help="of PGD's random starts (default: 0)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--allow-code", action="store_true", help=ALLOW_CODE)
    parser.add_argument("--json", metavar="FILE", help="write everything to FILE as well")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
