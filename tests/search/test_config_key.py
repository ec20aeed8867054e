from __future__ import annotations

import copy

import numpy as np

from search.checker import TrainerChecker
from search.config_key import probe_key_of, resolve
from spaces.draw import RandomDraw
from spaces.load import load_space
from spaces.walk import suggest


def test_a_probe_key_is_the_same_for_a_config_just_resolved_and_for_a_stored_one() -> None:
    space = load_space("cifar100", TrainerChecker())[0]
    draw = RandomDraw(np.random.default_rng(0))
    keys = set()
    for _ in range(20):
        config, key = resolve(space, suggest(space, draw))
        keys.add(probe_key_of(config, key))
        assert probe_key_of(config, key) == probe_key_of(copy.deepcopy(config), key)
    assert len(keys) > 1
