from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from studies.model import Direction, Objective
from studies.pareto import (
    finishing_order,
    front,
    hypervolume,
    hypervolume_curve,
    knee,
    objective_values,
    rankable,
    study_hypervolume,
    study_reference_point,
)
from tests.studies.make import START, make_study, make_trial, study_of_points

NAN = float("nan")


@pytest.mark.parametrize("module", ["studies", "studies.pareto", "studies.model"])
def test_what_the_engine_imports_stays_light(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"ray", "optuna", "torch", "plotly", "pandas", "pyarrow", "rich", "ruamel", "scipy"}
    assert "studies" in loaded.split()
    assert not heavy & set(loaded.split())


def test_the_front_holds_complete_feasible_undominated_trials_by_number() -> None:
    trials = [
        make_trial(5, (90.0, 10.0, 1.0)),
        make_trial(1, (90.0, 10.0, 1.0)),
        make_trial(2, (80.0, 12.0, 2.0)),
        make_trial(3, (99.0, 1.0, 0.1), constraints={"latency_ms": 0.5}),
        make_trial(4, (99.0, 1.0, 0.1), state="stopped"),
        make_trial(6, (85.0, 5.0, 1.0), constraints={"latency_ms": 0.0}),
        make_trial(7, (99.0, NAN, 0.1)),
        make_trial(8, state="complete", values={"val_accuracy": 99.0, "train_memory_mib": None}),
        make_trial(9),
    ]
    study = make_study(trials)
    assert [trial.number for trial in front(study)] == [1, 5, 6]
    assert [trial.number for trial in rankable(study)] == [1, 2, 5, 6]


@pytest.mark.parametrize(
    "trials",
    [[], [make_trial(0)], [make_trial(0, state="failed"), make_trial(1, state="running")]],
    ids=["no trial", "infeasible", "failed and running"],
)
def test_without_a_rankable_trial(trials: list) -> None:
    study = make_study(trials)
    assert front(study) == []
    assert knee(study) is None
    assert study_reference_point(study) is None
    assert study_hypervolume(study) == 0.0
    assert hypervolume_curve(study) == [0.0 for trial in trials if trial.state != "running"]
    assert objective_values(study, []).shape == (0, 3)


def test_one_trial_is_front_and_knee_and_its_volume_is_zero() -> None:
    study = make_study([make_trial(0, (90.0, 10.0, 1.0))])
    assert front(study) == [knee(study)] == list(study.trials)
    assert study_reference_point(study) == (90.0, 10.0, 1.0)
    assert hypervolume_curve(study) == [0.0]


def test_two_trials_in_closed_form() -> None:
    study = study_of_points([[90, 20], [80, 10]], ["maximize", "minimize"])
    # Ranges 10 and 10; the reference is (80 - 1, 20 + 1).
    assert study_reference_point(study) == pytest.approx((79, 21))
    first, both = 11 * 1, 11 * 1 + 1 * 11 - 1 * 1
    assert hypervolume_curve(study) == pytest.approx([first, both])
    assert study_hypervolume(study) == pytest.approx(both)
    assert knee(study) is study.trials[0]


def test_trials_that_are_all_equal_stay_on_the_front() -> None:
    study = study_of_points([[1, 2]] * 4, ["minimize", "minimize"])
    assert front(study) == list(study.trials)
    assert knee(study) is study.trials[0]
    assert hypervolume_curve(study) == [0.0] * 4


def test_one_objective_has_all_best_trials_as_its_front() -> None:
    study = study_of_points([[1], [3], [3], [2]], ["maximize"])
    assert [trial.number for trial in front(study)] == [1, 2]
    assert hypervolume_curve(study) == pytest.approx([0.2, 2.2, 2.2, 2.2])


def test_an_objective_of_its_own_reference_keeps_it() -> None:
    study = study_of_points([[90, 20], [80, 10]], ["maximize", "minimize"])
    objectives = (Objective("o0", "maximize"), Objective("o1", "minimize", reference=15))
    study = replace(study, info=replace(study.info, objectives=objectives))
    assert study_reference_point(study) == pytest.approx((79, 15))
    assert hypervolume_curve(study) == pytest.approx([0.0, 5.0])


@pytest.mark.parametrize(
    "ways", [["minimize"], ["maximize", "minimize"], ["minimize"] * 3, ["maximize"] * 4, ["minimize"] * 5]
)
def test_the_curve_is_the_volume_of_every_prefix(ways: list[Direction]) -> None:
    points = np.random.default_rng(len(ways)).random((30, len(ways))).round(1)
    study = study_of_points(points.tolist(), ways)
    reference = study_reference_point(study)
    assert reference is not None
    expected = [hypervolume(points[:n], ways, reference) for n in range(1, 31)]
    curve = hypervolume_curve(study)
    assert curve == pytest.approx(expected)
    assert curve == sorted(curve)
    assert curve[-1] == pytest.approx(study_hypervolume(study))


def test_the_curve_follows_the_time_of_finishing_then_the_number() -> None:
    late = START + timedelta(hours=1)
    trials = [
        make_trial(0, (90.0, 20.0, 1.0), finished_at=late),
        make_trial(1, finished_at=None),
        make_trial(2, (80.0, 10.0, 2.0)),
        make_trial(3, finished_at=late),
        make_trial(4, state="running", finished_at=None),
    ]
    study = make_study(trials)
    assert [trial.number for trial in finishing_order(study)] == [2, 0, 3, 1]
    curve = hypervolume_curve(study)
    assert len(curve) == 4
    assert 0 < curve[0] < curve[1] == curve[2] == curve[3]


def test_an_infeasible_trial_moves_neither_reference_nor_curve() -> None:
    good = [make_trial(0, (90.0, 20.0, 1.0)), make_trial(1, (80.0, 10.0, 2.0))]
    bad = make_trial(2, (1.0, 999.0, 999.0), constraints={"latency_ms": 1.0})
    assert study_reference_point(make_study([*good, bad])) == study_reference_point(make_study(good))
    assert hypervolume_curve(make_study([*good, bad]))[:2] == hypervolume_curve(make_study(good))


def test_permuted_trials_have_the_same_front_and_curve() -> None:
    points = np.random.default_rng(7).random((25, 3)).round(1).tolist()
    study = study_of_points(points, ["minimize"] * 3)
    turned = replace(study, trials=study.trials[::-1])
    assert front(turned) == front(study)
    assert knee(turned) == knee(study)
    assert hypervolume_curve(turned) == hypervolume_curve(study)
