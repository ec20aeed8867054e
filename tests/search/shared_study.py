"""A driver without Ray: proposes and completes trials of the toy space until the budget is used up.

python -m tests.search.shared_study URL RUNS BUDGET [--hang-after N] prints a line for each trial it ends.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from search.propose.proposer import Proposer
from search.study.attributes import StudyAttributes
from search.study.drivers import Drivers
from search.study.folder import RunFolder
from search.study.lock import lock_study
from search.study.opening import create, open_existing
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from spaces.space import Space
from tests.search.fakes import FloatRange, SamplerChoice, make_space
from tests.search.stores import complete, row

SPACE = make_space(search={"optim.weight_decay": FloatRange(0.0, 0.1)}, sampler=SamplerChoice("tpe", 0))


def begin(url: str, folder: RunFolder, space: Space = SPACE) -> None:
    """Begin the study."""
    with lock_study(folder, url) as drivers:
        create(folder, url, StudyAttributes.of(folder.path.name, space), drivers)


def store_of(url: str, folder: RunFolder, drivers: Drivers) -> TrialStore:
    """What a driver that joins sees."""
    study, attributes = open_existing(folder, url)
    return TrialStore(study, attributes.objectives, attributes.limits, drivers)


def next_trial(store: TrialStore, proposer: Proposer, budget: int) -> StoredTrial | None:
    """As `StudySearcher` does."""
    with store.exclusive():
        trial = store.adopt()
        if trial is not None:
            return trial
        return None if store.n_trials >= budget else proposer.next()


def drive(url: str, folder: RunFolder, budget: int, hang_after: int | None) -> None:
    """Work until nothing is left; hang_after: stop in the middle of a trial after so many."""
    with lock_study(folder, url) as drivers:
        store = store_of(url, folder, drivers)
        proposer = Proposer(store, replace(SPACE, name=folder.path.name))
        n_ended = 0
        while (trial := next_trial(store, proposer, budget)) is not None:
            store.note(trial.number, row(1))
            if n_ended == hang_after:
                print("hangs", trial.number, flush=True)
                time.sleep(600)
            complete(store, trial)
            print("ended", trial.number, flush=True)
            n_ended += 1


if __name__ == "__main__":
    url, runs, budget, *rest = sys.argv[1:]
    drive(url, RunFolder.of(runs, "toy"), int(budget), int(rest[1]) if rest else None)
