"""The `spikefront` command. Every import stands inside its verb, so that each pays only for what it needs.

A verb that is also `python -m room.module` hands its arguments over as they are: one set of options each.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spikefront.command import run_command

app = typer.Typer(
    help="Search training recipes for spiking neural networks, and see what each one costs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=_FORWARD)
def run(context: typer.Context) -> None:
    """Search a space (python -m search.run)."""
    from search.run import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=_FORWARD)
def show(context: typer.Context) -> None:
    """Print a study's front as a table (python -m studies.show)."""
    from studies.show import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=_FORWARD)
def report(context: typer.Context) -> None:
    """Write a study's report again (python -m reports.build)."""
    from reports.build import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=_FORWARD)
def compare(context: typer.Context) -> None:
    """Compare studies on one page (python -m reports.compare)."""
    from reports.compare.build import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=_FORWARD)
def live(context: typer.Context) -> None:
    """Serve a study's report while it runs (python -m reports.live)."""
    from reports.live.__main__ import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=_FORWARD)
def export(context: typer.Context) -> None:
    """Write the config of a trial, picked by a rule (python -m studies.export)."""
    from studies.export import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=_FORWARD)
def train(context: typer.Context) -> None:
    """Train one config to the end and test it (python -m snncore.train)."""
    from snncore.train import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=_FORWARD)
def evaluate(context: typer.Context) -> None:
    """Evaluate a finished training (python -m snncore.evaluate)."""
    from snncore.evaluate import main

    raise typer.Exit(main(context.args))


@app.command()
def data(
    name: Annotated[str, typer.Argument(help="a data set, such as cifar100 or nmnist; see docs/data.md")],
    root: Annotated[Path, typer.Option(help="Folder that holds the data sets.")] = Path("data"),
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder with files at hand, instead of a download.")
    ] = None,
) -> None:
    """Fetch or unpack a data set. Trials never download."""
    from snncore.data.install.install import install

    def command() -> int:
        install(name, root, source)
        return 0

    raise typer.Exit(run_command(command))


@app.command()
def doctor(
    root: Annotated[Path, typer.Option(help="Folder that holds the data sets.")] = Path("data"),
    out: Annotated[Path, typer.Option(help="Folder for studies.")] = Path("runs"),
) -> None:
    """Look at this machine: versions, devices, Ray, folders, data. Exit code 1 on a fault."""
    from search.terminal.doctor import examine

    raise typer.Exit(run_command(lambda: examine(root, out)))


def main() -> int:
    """Entry point of the installed command."""
    return run_command(lambda: int(app() or 0))


if __name__ == "__main__":
    sys.exit(main())
