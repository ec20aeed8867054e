"""What a running study shows: a live table in a terminal, else one plain line per finished trial."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from search.ledger import Entry, Ledger
from studies.model import Study
from studies.pareto import front, study_hypervolume
from studies.show import front_table
from studies.text import params_text

SECONDS_BETWEEN = 0.5


class Display:
    """Shows a study while it runs; `turn` is cheap and is called often.

    read_record: the study as the storage has it; asked for only when a trial has ended.
    """

    def __init__(
        self, console: Console, ledger: Ledger, budget: int, read_record: Callable[[], Study]
    ) -> None:
        self._console, self._ledger, self._budget = console, ledger, budget
        self._read_record = read_record
        self._announced = {n for n, entry in ledger.entries.items() if entry.state != "running"}
        self._began = self._shown = time.monotonic()
        self._front: Table | None = None
        self._hypervolume = 0.0
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        self._look_at_front()
        self._refresh()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, line: str) -> None:
        """Print a line of its own, above the live table."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def turn(self) -> None:
        """Announce what has ended, refresh what is live."""
        ended = [
            entry
            for entry in self._ledger.entries.values()
            if entry.state != "running" and entry.number not in self._announced
        ]
        for entry in ended:
            self._announced.add(entry.number)
            if self._live is None:
                self.say(ended_line(entry, [objective.name for objective in self._ledger.objectives]))
        if ended:
            self._look_at_front()
        if ended or time.monotonic() - self._shown >= SECONDS_BETWEEN:
            self._refresh()

    def _look_at_front(self) -> None:
        if self._live and any(entry.state == "complete" for entry in self._ledger.entries.values()):
            record = self._read_record()
            self._hypervolume = study_hypervolume(record)
            self._front = front_table(record) if front(record) else None

    def _refresh(self) -> None:
        self._shown = time.monotonic()
        if self._live:
            parts: list[RenderableType] = [self._headline(), running_table(self._ledger.running())]
            if self._front:
                parts.append(self._front)
            self._live.update(Group(*parts), refresh=True)

    def _headline(self) -> Text:
        counts = ", ".join(f"{n} {state}" for state, n in self._ledger.counts().items()) or "starting"
        elapsed = format_seconds(time.monotonic() - self._began)
        volume = f", hypervolume {self._hypervolume:.5g}" if self._front else ""
        return Text(f"{self._ledger.study.study_name}: {counts} of {self._budget}, {elapsed}{volume}")


def running_table(running: list[Entry]) -> Table:
    """The running trials: number, epoch, accuracy so far, params."""
    table = Table("trial", "epoch", "val_accuracy", "params", box=None, pad_edge=False)
    for entry in running:
        last = entry.rows[max(entry.rows)] if entry.rows else {}
        epoch = f"{last.get('epoch', 0)}/{entry.config['optim']['epochs']}"
        accuracy = f"{last['val_accuracy']:.2f}" if last else ("probed" if entry.metrics else "")
        table.add_row(str(entry.number), epoch, accuracy, escape(params_text(entry.params)))
    return table


def ended_line(entry: Entry, objectives: list[str]) -> str:
    """One line about a trial that has ended, with its values or its reason."""
    if entry.state == "complete":
        told = ", ".join(f"{name} {entry.metrics[name]:.5g}" for name in objectives)
    else:
        told = entry.reason or ""
    return f"trial {entry.number} {entry.state}: {told} ({params_text(entry.params)})"


def format_seconds(seconds: float) -> str:
    """A duration to read: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
