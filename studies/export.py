"""Write the config of one trial, picked by a rule, for its final training.

python -m studies.export runs/cifar100 --pick knee --out best.yaml
python -m studies.export runs/cifar100 --pick "best:val_accuracy where latency_ms<=3" --out fast.yaml
"""

from __future__ import annotations

import argparse
import shlex

from spikefront.command import run_command
from studies.configs import MADE_HERE, exported_config, measured, write_config, write_front
from studies.model import Study, Trial
from studies.pick import pick
from studies.pick_rule import FORMS, names_in
from studies.record import read_study

__all__ = ["export_comment", "exported_config", "main", "write_config", "write_front"]


def main(argv: list[str] | None = None) -> int:
    """Pick, write, and say what to type next; 0 done, 2 bad input (usage errors exit with 2 themselves)."""
    return run_command(lambda: _command(_parser().parse_args(argv)))


def _command(arguments: argparse.Namespace) -> int:
    study = read_study(arguments.run)
    trial = pick(study, arguments.pick)
    config = exported_config(study, trial, arguments.run)
    comment = export_comment(study, trial, arguments.pick, arguments.out)
    write_config(config, arguments.out, overwrite=arguments.force, comment=comment)
    summary = measured(study, trial, names_in(arguments.pick))
    print(f"wrote {arguments.out}: trial {trial.number} of {study.info.name}, {summary}")
    print(f"next: {_next_command(arguments.out)}")
    return 0


def export_comment(study: Study, trial: Trial, rule: str, out: str) -> str:
    """The comment above the config of `trial` in the file `out` when `rule` picked it."""
    epochs = f"{trial.epochs_trained} epoch{'s'[: trial.epochs_trained != 1]}"
    return (
        f"{MADE_HERE.removeprefix('# ')} trial {trial.number} of study {study.info.name}, picked by {rule}\n"
        f"measured after {epochs}: {measured(study, trial)}\n"
        f"train it to the end: {_next_command(out)}"
    )


def _next_command(out: str) -> str:
    return f"python -m snncore.train {shlex.quote(out)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m studies.export", description="Write the config of one trial for its final training."
    )
    parser.add_argument("run", metavar="RUN", help="folder of the study, for example runs/cifar100")
    parser.add_argument("--pick", metavar="RULE", required=True, help=FORMS)
    parser.add_argument("--out", metavar="FILE", required=True, help="config file to write")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
