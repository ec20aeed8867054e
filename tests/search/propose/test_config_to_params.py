"""From configs back to params: there and back again, in every packaged space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.config_key import disagreements, resolve
from search.propose.config_to_params import OutsideError, params_of
from snncore.config.load import make_config
from spaces import UNSET, Choice, FloatRange, IntRange, RandomDraw, load_space, packaged_names, suggest
from tests.search.fakes import make_space
from tests.spaces.helpers import TRAINER
from tests.studies.make import REPEATABLE

SPACES = {name: load_space(name, TRAINER)[0] for name in packaged_names()}


@REPEATABLE
@given(st.sampled_from(sorted(SPACES)), st.integers(0, 2**32 - 1))
def test_the_config_of_params_gives_the_params_back(name: str, seed: int) -> None:
    space = SPACES[name]
    params = suggest(space, RandomDraw(np.random.default_rng(seed)))
    config = make_config(space.resolve(params))
    assert params_of(space, config) == params
    written = make_config(config.as_dict())  # as a record holds it
    assert params_of(space, written) == params


@REPEATABLE
@given(st.sampled_from(sorted(SPACES)), st.sampled_from(sorted(SPACES)), st.integers(0, 2**32 - 1))
def test_params_found_elsewhere_agree_in_all_that_is_searched_here(here: str, there: str, seed: int) -> None:
    space, other = SPACES[here], SPACES[there]
    config = make_config(other.resolve(suggest(other, RandomDraw(np.random.default_rng(seed)))))
    outside: dict[str, Any] = {}
    try:
        params = params_of(space, config)
    except OutsideError as error:
        outside = error.values
    if outside:
        assert outside.keys() <= space.search.keys()
        return
    ours = make_config(space.resolve(params))
    different = disagreements(ours, config)
    assert (resolve(space, params)[1] == resolve(other, params_of(other, config))[1]) == (not different)
    values = ours.as_dict()
    active = space.follow(lambda name, parameter: parameter.value(name, params))[1]
    for name in set(active) & set(different):
        section, _, field = name.rpartition(".")
        # What the canonical forms name differently, or have only in one of the two, may differ.
        assert (
            section == "distillation"
            or values.get(section, values)[field] == config.as_dict()[section][field]
        )


def test_all_values_outside_are_told() -> None:
    space = make_space(search={"optim.lr": FloatRange(0.1, 0.2), "seed": Choice((1, 2))})
    config = make_config({"T": 9, "model": {"width": 2.0}, "optim": {"lr": 0.3}})
    with pytest.raises(
        OutsideError, match=r"T cannot be 9, optim.lr cannot be 0.3, seed cannot be 0"
    ) as caught:
        params_of(space, config)
    assert caught.value.values == {"T": 9, "optim.lr": 0.3, "seed": 0}


def test_free_fields_take_the_nearest_value() -> None:
    space = make_space(search={"optim.epochs": IntRange(4, 1_000_000_000)})
    config = make_config({"model": {"width": 2.0}, "optim": {"epochs": 2}})
    assert params_of(space, config, {"optim.epochs"})["optim.epochs"] == 4


def test_disagreements_name_fields_without_effect_in_one() -> None:
    plain = make_config({})
    branches = make_config({"T": 3, "distillation": {"mode": "supervised", "branches": [2]}})
    different = disagreements(plain, branches)
    assert different["T"] == (4, 3)
    assert different["distillation.mode"] == ("none", "supervised")
    assert different["distillation.branches"] == (UNSET, [2])
    assert disagreements(plain, make_config({"distillation": {"alpha": 0.1}})) == {}
