"""Configs out of a study, ready for `snncore.train`.

python -m studies.export runs/digits --pick knee --out best.yaml
"""

from __future__ import annotations

import argparse
import io
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from studies.errors import StudyError
from studies.files import replace_text
from studies.model import Study, Trial
from studies.pareto import front
from studies.pick import pick
from studies.record import read_study

FRONT = "front"
FINALS = "finals"
_FRONT_FILE = re.compile(r"trial-\d{4,}\.yaml")


def trial_name(number: int) -> str:
    """What files and folders of a trial are called."""
    return f"trial-{number:04d}"


def exported_config(study: Study, trial: Trial, run_folder: Path) -> dict[str, Any]:
    """The trial's whole config, with where it came from and where its final training goes."""
    config = dict(trial.config)
    config["origin"] = {"study": study.info.name, "trial": trial.number}
    config["out"] = (run_folder / FINALS / trial_name(trial.number)).as_posix()
    return config


def config_text(study: Study, trial: Trial, run_folder: Path) -> str:
    """The exported config as YAML, headed by what the search measured for it."""
    measured = ", ".join(f"{name} {value:.6g}" for name, value in trial.values.items() if value is not None)
    name = study.info.name.replace("\n", " ")
    buffer = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    yaml.dump(exported_config(study, trial, run_folder), buffer)
    return f"# Trial {trial.number} of study {name}: {measured}\n{buffer.getvalue()}"


def write_config(text: str, path: Path, overwrite: bool = False) -> None:
    """Write a config file.

    Raises:
        StudyError: the file exists and `overwrite` is off, or its folder cannot be written.
    """
    if path.exists() and not overwrite:
        raise StudyError(f"{path}: exists already; use --force to overwrite it, or another --out")
    try:
        replace_text(path, text)
    except OSError as error:
        raise StudyError(f"{path}: cannot be written: {error}") from error


def write_front(study: Study, run_folder: Path) -> None:
    """Make `front/` hold one config file for each trial of the front, and no trial's that left it."""
    folder = run_folder / FRONT
    texts = {
        f"{trial_name(trial.number)}.yaml": config_text(study, trial, run_folder) for trial in front(study)
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if _FRONT_FILE.fullmatch(path.name) and path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            replace_text(path, text)


def main(argv: list[str] | None = None) -> int:
    """The command: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.export", description="Write the config of one trial, ready to be trained."
    )
    parser.add_argument("run", type=Path, help="folder of a study, such as runs/digits")
    parser.add_argument(
        "--pick",
        default="knee",
        metavar="RULE",
        help='knee, best:METRIC, trial:N, or "best:METRIC where NAME<=NUMBER and ..." (default: knee)',
    )
    parser.add_argument(
        "--out", type=Path, default=Path("best.yaml"), help="file to write (default: best.yaml)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite the file")
    arguments = parser.parse_args(argv)
    try:
        study = read_study(arguments.run)
        trial = pick(study, arguments.pick)
        write_config(config_text(study, trial, arguments.run), arguments.out, arguments.force)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"trial {trial.number}: {_summary(trial.values)}")
    print(f"written to {arguments.out}; train it with")
    print(f"  python -m snncore.train {shlex.quote(str(arguments.out))}")
    return 0


def _summary(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in values.items() if value is not None)


if __name__ == "__main__":
    raise SystemExit(main())
