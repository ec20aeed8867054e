"""What a running study shows: a live table in a terminal, else one plain line per finished trial."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from search.study.attributes import StudyAttributes
from search.trials.running_front import RunningFront
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from search.trials.to_record import trial_of
from spikefront.text import duration
from studies.pareto import study_hypervolume
from studies.show import front_table
from studies.text import one_line, params_text

SECONDS_BETWEEN = 0.5


class Display:
    """Shows a study while it runs; `poll` is cheap and is called often."""

    def __init__(self, console: Console, store: TrialStore, budget: int, attributes: StudyAttributes) -> None:
        self._console, self._store, self._budget, self._attributes = console, store, budget, attributes
        self._n_announced = len(store.ended)
        self._began = self._shown = time.monotonic()
        self._running_front = RunningFront(attributes.info())
        self._front: Table | None = None
        self._hypervolume = 0.0
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        self._look_at_front(self._store.ended)
        self._refresh()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, line: str) -> None:
        """Print a line of its own, above the live table."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def poll(self) -> None:
        """Announce what has ended, refresh what is live."""
        ended = self._store.ended[self._n_announced :]
        self._n_announced += len(ended)
        if self._live is None:
            for number in ended:
                names = [objective.name for objective in self._store.objectives]
                self.say(ended_line(self._store.trials[number], names))
        self._look_at_front(ended)
        if ended or time.monotonic() - self._shown >= SECONDS_BETWEEN:
            self._refresh()

    def _look_at_front(self, ended: list[int]) -> None:
        """Take in trials that have ended; what they cost does not depend on how many there were before."""
        trials = [self._store.trials[number] for number in ended]
        complete = [trial for trial in trials if trial.state == "complete" and trial.replicate_of is None]
        if not self._live or not complete:
            return
        self._running_front.add(trial_of(trial, self._attributes) for trial in complete)
        study = self._running_front.study
        if study.trials:
            self._hypervolume = study_hypervolume(study)
            self._front = front_table(study)
            of = f"{self._front.row_count} of {self._store.n_trials} trials"
            self._front.title = Text(f"front of {one_line(study.info.name)}: {of}")

    def _refresh(self) -> None:
        self._shown = time.monotonic()
        if self._live:
            parts: list[RenderableType] = [self._headline(), running_table(self._store.running())]
            if self._front:
                parts.append(self._front)
            self._live.update(Group(*parts), refresh=True)

    def _headline(self) -> Text:
        counts = ", ".join(f"{n} {state}" for state, n in self._store.counts().items()) or "starting"
        elapsed = duration(time.monotonic() - self._began)
        volume = f", hypervolume {self._hypervolume:.5g}" if self._front else ""
        return Text(f"{self._store.study.study_name}: {counts} of {self._budget}, {elapsed}{volume}")


def running_table(running: list[StoredTrial]) -> Table:
    """The running trials: number, epoch, accuracy so far, params."""
    table = Table("trial", "epoch", "val_accuracy", "params", box=None, pad_edge=False)
    for trial in running:
        last = trial.rows[max(trial.rows)] if trial.rows else {}
        epoch = f"{last.get('epoch', 0)}/{trial.config['optim']['epochs']}"
        accuracy = f"{last['val_accuracy']:.2f}" if last else ("probed" if trial.metrics else "")
        table.add_row(str(trial.number), epoch, accuracy, escape(params_text(trial.params)))
    return table


def ended_line(trial: StoredTrial, objectives: list[str]) -> str:
    """One line about a trial that has ended, with its values or its reason."""
    if trial.state == "complete":
        result = ", ".join(f"{name} {trial.metrics[name]:.5g}" for name in objectives)
    else:
        result = trial.reason or ""
    what = params_text(trial.params)
    if trial.replicate_of is not None:
        what = f"seed {trial.config['seed']} of trial {trial.replicate_of}"
    return f"trial {trial.number} {trial.state}: {result} ({what})"
