"""Genuine files of every kind, as the product writes or is given them; cases are made by changing these."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

Kit = Mapping[str, bytes]
"""Files by their path below the folder of a case."""

KITS: dict[str, Kit] = {}
"""Filled by `load_kits`."""

CONFIG = """data: {name: digits, train_limit: 40}
model: {arch: mlp, width: 0.25}
optim: {epochs: 2, batch_size: 20}
neuron: {reset: hard}
T: 1
out: done
"""
SPACE = """name: toy
base: {data: {name: digits}, optim: {epochs: 2}}
search:
  T: {int: [1, 6]}
  model.width: {float: [0.25, 2.0], log: true}
  distillation.mode: {choice: [none, reliable]}
  distillation.branches: {subset: [1, 2], when: {distillation.mode: [reliable]}}
  distillation.beta: {float: [0.0, 1.0], when: {distillation.mode: [reliable]}}
objectives: {val_accuracy: maximize, train_memory_mib: minimize, latency_ms: minimize}
constraints: {train_memory_mib: {max: 512}}
fidelity: {min_epochs: 1, eta: 2}
budget: {trials: 8}
sampler: {name: tpe, seed: 1}
resources: {cpu: 1, gpu: 0}
replicates: 1
"""


def load_kits(folder: Path) -> None:
    """What `save_kits` has made."""
    KITS.update(pickle.loads((folder / "kits").read_bytes()))
