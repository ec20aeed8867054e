"""From a trial to the job of its worker: the trainer, the device, the folders, what is known already."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.cluster.resources import Allotments
from search.config_key import probe_key_of
from search.propose.probe_ahead import ProbeRequest
from search.study.folder import RunFolder
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from search.tune.out_of_memory import MemoryJudge
from search.worker.checkpoint_place import CheckpointPlace
from search.worker.jobs import Allotment, Job, ProbeJob, QuietJob
from snncore.config.metrics import PROBED
from spaces.space import Space


@dataclass(frozen=True)
class Setting:
    """What one run of the loop works with. place: of the checkpoints. allotments: of each trial."""

    space: Space
    folder: RunFolder
    place: CheckpointPlace
    trainer: str
    allotments: Allotments


class JobFactory:
    """Makes the jobs of one study; `begin_loop` comes before those of each Tune run.

    memory: knows which trials are handed out alone.
    """

    def __init__(self, setting: Setting, store: TrialStore, memory: MemoryJudge | None = None) -> None:
        self.setting, self._store = setting, store
        self.memory = memory or MemoryJudge(store)
        self.begin_loop()
        self._limits = {name: bounds for name, bounds in store.limits.items() if name in PROBED}
        wanted = [*(objective.name for objective in store.objectives), *self._limits]
        self._cheap = [name for name in dict.fromkeys(wanted) if name in PROBED]

    def begin_loop(self) -> None:
        """The loop starts, or starts again: kills of workers before it do not count for the next jobs."""
        self._loop_id = secrets.token_hex(8)
        self.memory.begin_loop()

    def trial(self, trial: StoredTrial) -> Job:
        """With the metrics that were probed before, for this config or for one that costs the same."""
        setting = self.setting
        probed = self._store.probed.get(trial.probe_key or probe_key_of(trial.config, trial.key), {})
        return Job(
            number=trial.number,
            config=_for_worker(trial.config),
            epochs=trial.config["optim"]["epochs"],
            checkpoints=setting.place.trial(trial.number),
            limits=self._limits,
            may_stop=trial.replicate_of is None,
            loop_id=self._loop_id,
            metrics=trial.metrics or None,
            probed=probed,
            trainer=setting.trainer,
            allotment=self.allotment(trial),
        )

    def allotment(self, trial: StoredTrial) -> Allotment:
        """What a trial gets: by its probed memory, and a whole GPU where it is handed out alone."""
        probed = trial.metrics or self._store.probed.get(trial.probe_key or "", {})
        allotment = self.setting.allotments.of(probed.get("train_memory_mib"))
        return allotment.alone() if self.memory.is_alone(trial) else allotment

    def probe(self, request: ProbeRequest) -> ProbeJob:
        """Of the configs as they stand in the request."""
        configs = {key: _for_worker(config) for key, config in request.configs.items()}
        return ProbeJob(
            configs, self._cheap, request.seconds, self.setting.trainer, self.setting.allotments.of()
        )

    def quiet(self, trial: StoredTrial) -> QuietJob:
        """Of a trial's config."""
        return QuietJob(
            _for_worker(trial.config),
            self.setting.trainer,
            self.setting.allotments.of(trial.metrics.get("train_memory_mib")),
        )


def _for_worker(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config whose data root is absolute: workers have a working directory of their own."""
    data = config["data"]
    return {**config, "data": {**data, "root": str(Path(data["root"]).expanduser().absolute())}}
