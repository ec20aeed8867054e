"""What the terminal shows when a study has ended: the front, what was written, what to type next."""

from __future__ import annotations

import shlex

from rich.console import Console

from search.result import SearchResult
from studies.model import Study
from studies.pareto import front
from studies.show import FrontView, summary_lines


def print_summary(result: SearchResult, console: Console, resume_command: str) -> None:
    """Print the end of a study. resume_command: what continues it, if it was stopped."""
    record, folder = result.study, result.folder.typed

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    say(_why(result))
    for line in summary_lines(record):
        say(line)
    console.print(FrontView(record))
    say(f"record: {folder / 'trials.parquet'}, {folder / 'epochs.parquet'}")
    if result.problem:
        say(result.problem)
    if result.report:
        say(f"report: {result.report}")
    if front(record):
        knee = shlex.quote(f"{record.info.name}-knee.yaml")
        say("next:")
        say(f"  python -m studies.export {shlex.quote(str(folder))} --pick knee --out {knee}")
        say(f"  python -m snncore.train {knee}")
    if result.ending in ("interrupted", "time"):
        say(f"continue with: {resume_command}")


def has_failed(record: Study) -> bool:
    """Whether the study failed as a whole: it has trials, and every one of them failed."""
    return bool(record.trials) and all(trial.state == "failed" for trial in record.trials)


def _why(result: SearchResult) -> str:
    if result.ending == "exhausted":
        return f"ended, {result.note}"
    return {"budget": "done", "time": "time budget used up", "interrupted": "stopped"}[result.ending]
