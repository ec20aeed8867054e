"""One run of Ray Tune's loop over a study, and what to do when the loop itself dies.

Tune's own state is never needed: whatever happens, the ledger knows which trials are still running,
and the loop is simply started again on the same study.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from optuna.exceptions import StorageInternalError
from ray import tune

from search.errors import StudyFailedError
from search.folder import RunFolder
from search.halving import Halving
from search.ledger import Entry, Ledger
from search.messages import Ticket
from search.outcome import Outcome, infeasible_reason
from search.proposer import Proposer
from search.resources import Share
from search.scheduler import HalvingScheduler
from search.searcher import StudySearcher
from search.stopping import Ending, StopRequest
from search.trainable import TrialTrainable
from search.watcher import StopOnRequest, Watcher
from snncore.metrics import METRICS
from spaces.space import Space

MAX_RETRIES = 2
"""A trial that raised is tried again under the same number so often, from its last checkpoint."""

MAX_CRASHES = 3
"""Ray Tune may die so often without a trial ending in between before the study is given up."""


@dataclass(frozen=True)
class Setting:
    """What one run of the loop works with. share and n_slots: see `search.resources`."""

    space: Space
    folder: RunFolder
    trainer: str
    share: Share
    n_slots: int


def search(
    setting: Setting,
    ledger: Ledger,
    stop: StopRequest,
    on_turn: Callable[[], None],
    say: Callable[[str], None],
) -> tuple[Ending, str | None]:
    """Run trials until the budget or the space is used up or a stop is wanted; why it ended, with a note.

    Raises:
        StudyFailedError: Ray Tune died again and again, or the storage or the record cannot be written.
        Exception: any other error of our own code inside Ray's loop.
    """
    n_crashes = n_ended = 0
    while True:
        proposer = Proposer(ledger, setting.space)
        for entry in ledger.running():
            entry.handed_out = False
        crash = _run_loop(setting, ledger, proposer, stop, on_turn)
        if isinstance(stop.error, OSError | StorageInternalError):
            raise StudyFailedError(f"its storage or record cannot be written: {stop.error}") from stop.error
        if stop.error is not None:
            raise stop.error
        ending = stop.ending()
        if ending is not None:
            return ending, None
        if crash is None:
            return ("exhausted", proposer.exhausted) if proposer.exhausted else ("budget", None)
        _record_memory_victims(ledger, crash)
        ended = len(ledger.entries) - len(ledger.running())
        n_crashes = 1 if ended > n_ended else n_crashes + 1
        n_ended = ended
        if n_crashes > MAX_CRASHES:
            raise StudyFailedError(f"Ray Tune died {n_crashes} times in a row: {crash}") from crash
        say(f"Ray Tune died ({_first_line(crash)}); its trials are started again")


def _run_loop(
    setting: Setting, ledger: Ledger, proposer: Proposer, stop: StopRequest, on_turn: Callable[[], None]
) -> Exception | None:
    """One life of Ray Tune; the exception it died of, if any."""
    scheduler = _make_scheduler(setting.space, ledger)
    searcher = StudySearcher(
        ledger,
        proposer,
        setting.space.budget.trials,
        lambda entry: make_ticket(entry, setting, ledger),
        scheduler.reasons,
        stop,
    )
    # Tune's own files: in the run folder because every node must see them, removed at the end.
    scratch = setting.folder.path / ".tune"
    shutil.rmtree(scratch, ignore_errors=True)  # a driver that was killed leaves its own
    try:
        # `tune.run`, not `Tuner`: that one pickles the callbacks, and with them the open storage.
        tune.run(
            TrialTrainable,
            name="study",
            storage_path=str(scratch),
            search_alg=searcher,
            scheduler=scheduler,
            stop=StopOnRequest(stop),
            callbacks=[Watcher(ledger, stop, on_turn)],
            resources_per_trial={"cpu": setting.share.cpu, "gpu": setting.share.gpu},
            max_concurrent_trials=setting.n_slots,
            num_samples=-1,
            reuse_actors=True,
            max_failures=MAX_RETRIES,
            raise_on_failed_trial=False,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            trial_dirname_creator=lambda trial: f"trial-{trial.trial_id}",
            verbose=0,
        )
    except Exception as error:
        return error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return None


def make_ticket(entry: Entry, setting: Setting, ledger: Ledger) -> Ticket:
    """What the worker of a trial is told."""
    data = entry.config["data"]
    # Workers have a working directory of their own.
    root = str(Path(data["root"]).expanduser().absolute())
    known = {name: METRICS[name].known for name in ledger.limits if name in METRICS}
    return Ticket(
        number=entry.number,
        config={**entry.config, "data": {**data, "root": root}},
        epochs=entry.config["optim"]["epochs"],
        checkpoints=str(setting.folder.trial_checkpoints(entry.number)),
        limits={name: bounds for name, bounds in ledger.limits.items() if known.get(name) == "probe"},
        metrics=entry.metrics or None,
        trainer=setting.trainer,
        device=setting.share.device,
        threads=setting.share.threads,
    )


def _make_scheduler(space: Space, ledger: Ledger) -> HalvingScheduler:
    """The scheduler with its rungs as the recorded epochs make them."""
    halving = None
    if space.fidelity is not None:
        halving = Halving(space.fidelity.min_epochs, space.fidelity.eta, ledger.objectives)
        for entry in ledger.entries.values():
            for row in entry.rows.values():
                halving.recall(entry.number, row, entry.metrics, entry.config["optim"]["epochs"])
    return HalvingScheduler(halving)


def _record_memory_victims(ledger: Ledger, crash: Exception) -> None:
    """End the trials whose workers Ray killed because a node ran out of memory.

    Ray Tune 2.60 does not expect that error: its whole loop dies of it. The message names the process.
    """
    cause = crash.__cause__ or crash
    reason = infeasible_reason(cause)
    if reason is None:
        return
    killed = set(re.findall(r"\bpid=(\d+)", str(cause)))
    for entry in ledger.running():
        if entry.handed_out and entry.start.get("worker") in killed:
            ledger.finish(entry.number, Outcome("infeasible", reason))


def _first_line(error: Exception) -> str:
    lines = str(error.__cause__ or error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
