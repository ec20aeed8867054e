"""Params: names, kinds, settings, and their codes for a forest."""

from __future__ import annotations

import numpy as np

from reports.data.params import Param, searched_params, setting, setting_text
from reports.params.encoding import coded
from studies.model import Study
from tests.reports.studies_for_tests import MEMORY, SPACE, digits_study, info, small


def test_the_space_gives_names_kinds_and_scales() -> None:
    found = {param.name: param for param in searched_params(digits_study(40))}
    assert list(found) == list(SPACE["search"])
    assert found["T"].kind == "number"
    assert not found["T"].is_log
    assert found["optim.lr"].is_log
    assert found["optim.lr"].label == "lr"
    assert found["model.width"].options == ("0.25", "0.5", "1.0", "2.0")
    assert found["distillation.branches"].options == ("1", "2", "3", "1,2", "1,3", "2,3", "1,2,3")


def test_labels_that_would_clash_stay_whole() -> None:
    study = small([[1.0]], (MEMORY,), lambda number: {"a.rate": 1, "b.rate": 2, "c.other": 3})
    labels = [param.label for param in searched_params(study)]
    assert labels[-3:] == ["a.rate", "b.rate", "other"]


def test_settings_of_every_kind() -> None:
    study = small(
        [[1.0], [2.0], [3.0]],
        (MEMORY,),
        lambda number: {
            0: {"T": 3, "distillation.branches": "", "gradient": "rate"},
            1: {"T": 5, "big[1]": True, "big[2]": False, "big[10]": True},
            2: {"big[1]": False, "big[2]": False, "big[10]": False, "flag": True},
        }[number],
    )
    found = {param.name: param for param in searched_params(study)}
    table = {name: [setting(trial, param) for trial in study.trials] for name, param in found.items()}
    assert table["T"] == [3, 5, None]
    assert table["distillation.branches"] == ["(empty)", None, None]
    assert table["gradient"] == ["rate", None, None]
    assert table["big"] == [None, "1,10", "(empty)"]
    assert table["flag"] == [None, None, "true"]
    assert setting_text(None) == "–"
    assert setting_text(0.25) == "0.25"


def test_a_study_without_a_space_reads_its_params_from_the_trials() -> None:
    study = small([[1.0], [2.0]], (MEMORY,), lambda number: {"x": 0.5 * number, "y": ["a", "b"][number]})
    bare = Study(info().__class__("bare", {}, (MEMORY,)), study.trials)
    assert [(param.name, param.kind) for param in searched_params(bare)] == [
        ("x", "number"),
        ("y", "category"),
    ]


def test_codes() -> None:
    study = small(
        [[1.0]] * 4,
        (MEMORY,),
        lambda number: {
            0: {"lr": 0.01, "mode": "a", "same": 1},
            1: {"lr": 1.0, "mode": "b", "same": 1},
            2: {"mode": "a", "same": 1},
            3: {"lr": 0.1, "same": 1},
        }[number],
    )
    chosen = [
        Param("lr", "lr", "number", is_log=True),
        Param("mode", "mode", "category"),
        Param("same", "s", "number"),
    ]
    found = coded(study.trials, chosen)
    assert found.slices == {"lr": slice(0, 1), "mode": slice(1, 4)}
    inactive = np.log(0.01) - np.log(100)
    np.testing.assert_allclose(found.matrix[:, 0], [np.log(0.01), 0.0, inactive, np.log(0.1)], atol=1e-12)
    np.testing.assert_array_equal(found.matrix[:, 1:], [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]])


def test_codes_of_params_that_never_vary_are_empty() -> None:
    found = coded(small([[1.0]] * 3, (MEMORY,), lambda number: {"T": 4}).trials, [Param("T", "T", "number")])
    assert found.matrix.shape == (3, 0)
    assert found.slices == {}
