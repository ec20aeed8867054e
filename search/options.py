"""How a study is run, apart from its space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search.worker.jobs import DEFAULT_TRAINER

KeepCheckpoints = Literal["all", "front", "none"]
KEEP_CHECKPOINTS: KeepCheckpoints = "front"
"""Of which finished trials a new study keeps the checkpoints, if nothing else is said."""


@dataclass(frozen=True)
class RunOptions:
    """The options of `python -m search.run`.

    study: name, by default the space's. out: the folder of all run folders. trials, seed: instead of the
    space's. time_budget_s: seconds after which the study ends as by Ctrl-C, but with exit code 0.
    replicates: further seeds of the front, instead of the space's. warm_start: earlier studies to learn
    from. checkpoints: a folder or URI for them, instead of the run folder. keep_checkpoints: of which
    finished trials; of these two, None means as the study was last given. address: local, auto or HOST:PORT.
    storage: an Optuna URL instead of the journal. show: print to the terminal. live: the port on which this
    machine sees the report while trials run, 0 for a free one, None for none. trainer: dotted name
    `module:factory`, see `search.worker.trainer`. allow_code: a study continued without its space may
    import the module that its record names for its network.
    """

    study: str | None = None
    out: str = "runs"
    trials: int | None = None
    time_budget_s: float | None = None
    resume: bool = False
    address: str = "local"
    storage: str | None = None
    seed: int | None = None
    replicates: int | None = None
    warm_start: tuple[str, ...] = ()
    checkpoints: str | None = None
    keep_checkpoints: KeepCheckpoints | None = None
    show: bool = True
    live: int | None = None
    trainer: str = DEFAULT_TRAINER
    allow_code: bool = False
