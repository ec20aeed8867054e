"""Write a trained network in a format that other programs read; the suffix of --out selects it.

python -m snncore.export_network best.yaml --out net.nir           # NIR: simulators, neuromorphic chips
python -m snncore.export_network FOLDER --out net.safetensors      # named tensors
python -m snncore.export_network FOLDER --out net.pt --fold-norms  # the same for torch.load

FOLDER is what snncore.train wrote; a config file means the folder that training it wrote.
(`studies.export` is another command: it writes the config of a trial, to be trained.)
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from snncore.config.own_arch import ALLOW_CODE
from snncore.errors import UserError
from spikefront.command import run_command
from spikefront.files import WriteError, replacing_path

if TYPE_CHECKING:
    from snncore.evaluation.predictor import Predictor

SUFFIXES = (".nir", ".safetensors", ".pt")


def export_network(predictor: Predictor, path: str | Path, fold_norms: bool = False) -> Path:
    """Write the network of `predictor` to `path`, atomically; returns the path.

    fold_norms: for weights; NIR has no batch norm, so there it is always folded.

    Raises:
        UserError: the suffix is unknown, the file exists or cannot be written, or the network cannot be
            expressed in the format, such as a soft reset in NIR.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UserError(f"--out: got {str(path)!r}, allowed: a name that ends in {', '.join(SUFFIXES)}")
    try:
        if path.exists():
            raise UserError(f"--out: {path} exists already; remove it, or choose another name")
        if not path.parent.is_dir():
            raise UserError(f"--out: there is no folder {path.parent}")
        with replacing_path(path) as fresh:
            _write(predictor, fresh, path.suffix, fold_norms)
    except WriteError as error:
        raise UserError(f"--out: {error}") from error
    except OSError as error:
        raise UserError(f"--out: {path} cannot be written: {error.strerror or error}") from error
    return path


def _write(predictor: Predictor, path: Path, suffix: str, fold_norms: bool) -> None:
    if suffix == ".nir":
        from snncore.export.nir import write_nir

        write_nir(predictor.network, path, predictor.config.T, predictor.normalisation)
    else:
        from snncore.export.weights import write_weights

        write_weights(predictor.network, path, fold_norms, as_pt=suffix == ".pt")


def main(argv: list[str] | None = None) -> int:
    """The command; 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m snncore.export_network", description="Write a trained network for other programs."
    )
    parser.add_argument(
        "training", help="config file that was trained, or the folder that snncore.train wrote"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="a name with .nir, .safetensors or .pt")
    parser.add_argument(
        "--fold-norms", action="store_true", help="batch norm as part of the convolutions (NIR: always)"
    )
    parser.add_argument("--allow-code", action="store_true", help=ALLOW_CODE)
    return run_command(lambda: _command(parser.parse_args(argv)))


def _command(arguments: argparse.Namespace) -> int:
    from snncore.evaluation.predictor import load

    predictor = load(arguments.training, "cpu", allow_code=arguments.allow_code)
    path = export_network(predictor, arguments.out, arguments.fold_norms)
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
