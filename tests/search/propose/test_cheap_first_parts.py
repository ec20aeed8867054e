"""The numeric parts of the cheap-first sampler, each against a closed form or an independent oracle."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import approx_fprime
from scipy.stats import norm

from search.constraints import Bounds
from search.propose.cheap_first.acquisition import Acquisition
from search.propose.cheap_first.ehvi import HypervolumeImprovement, undominated_boxes
from search.propose.cheap_first.encoding import Encoding
from search.propose.cheap_first.extrapolate import change_to_come
from search.propose.cheap_first.gp import (
    GaussianProcess,
    Hyperparameters,
    _negative_log_evidence,
    _squared_distances,
    fit,
)
from search.propose.cheap_first.observations import Observations
from search.propose.cheap_first.pool import Pool
from search.propose.cheap_first.posterior import HyperparameterCache, Surrogates
from search.propose.cheap_first.space_filling import distances
from search.propose.cheap_first.targets import Target, targets_of
from search.propose.cheap_first.transform import Transform, fitted, logarithm
from spaces.condition import Condition
from spaces.draw import RandomDraw
from spaces.options import Choice, Subset
from spaces.parameter import Parameter
from spaces.ranges import FloatRange, IntRange
from spaces.space import Space
from spaces.walk import suggest
from studies.model import Objective
from studies.points import hypervolume

Floats = NDArray[np.float64]


def _space(**search: Parameter) -> Space:
    return Space("parts", {}, search, {})


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# codes


def _distance(space: Space, one: dict[str, Any], other: dict[str, Any]) -> float:
    left, right = Encoding(space).encode([one, other])
    return float(np.linalg.norm(left - right))


def test_different_options_are_one_apart_and_equal_ones_nothing() -> None:
    space = _space(a=Choice(("x", "y", None)))
    assert _distance(space, {"a": "x"}, {"a": None}) == pytest.approx(1.0)
    assert _distance(space, {"a": "x"}, {"a": "y"}) == pytest.approx(1.0)
    assert _distance(space, {"a": "y"}, {"a": "y"}) == 0.0


def test_true_is_not_1() -> None:
    space = _space(a=Choice((1, True)))
    assert _distance(space, {"a": 1}, {"a": True}) == pytest.approx(1.0)


def test_numbers_lie_by_their_place_in_the_range() -> None:
    space = _space(a=IntRange(1, 5), b=FloatRange(0.01, 1.0, log=True))
    assert _distance(space, {"a": 1, "b": 0.1}, {"a": 5, "b": 0.1}) == pytest.approx(1.0)
    assert _distance(space, {"a": 1, "b": 0.1}, {"a": 1, "b": 1.0}) == pytest.approx(0.5)


def test_a_range_of_one_value_is_coded_too() -> None:
    assert Encoding(_space(a=FloatRange(2.0, 2.0))).encode([{"a": 2.0}]).tolist() == [[0.0]]


def test_neighbours_among_numeric_options_are_nearer() -> None:
    space = _space(a=Choice((128, 16, 32, 64)))
    near = _distance(space, {"a": 16}, {"a": 32})
    assert 0 < near < _distance(space, {"a": 16}, {"a": 64}) < _distance(space, {"a": 16}, {"a": 128})


def test_subsets_lie_by_the_members_they_do_not_share() -> None:
    space = _space(b=Subset((1, 2, 3)))
    near = _distance(space, {"b": "1"}, {"b": "1,2"})
    assert 0 < near < _distance(space, {"b": "1"}, {"b": "2,3"})
    wide = _space(b=Subset((1, 2, 3, 4, 5)))
    one = {f"b[{member}]": member == 1 for member in range(1, 6)}
    assert _distance(wide, one, {**one, "b[2]": True}) == pytest.approx(near)


CONDITIONAL = _space(
    mode=Choice(("none", "a", "b")),
    rate=FloatRange(0.0, 1.0, when={"mode": Condition(("a",))}),
    kind=Choice(("p", "q"), when={"mode": Condition(("a",))}, otherwise="q"),
    parts=Subset((1, 2), when={"mode": Condition(("none",), is_negated=True)}),
)


def test_an_inactive_parameter_has_a_code_of_its_own() -> None:
    codes = Encoding(CONDITIONAL)
    group = codes.groups == 1  # the columns of `rate`
    active = [{"mode": "a", "rate": rate, "kind": "p", "parts": "1"} for rate in (0.0, 0.5, 1.0)]
    rows = codes.encode([*active, {"mode": "none"}, {"mode": "b", "parts": "1"}])[:, group]
    assert np.array_equal(rows[3], rows[4])
    assert (np.linalg.norm(rows[:3] - rows[3], axis=1) >= 1.0).all()


def test_an_inactive_parameter_with_an_otherwise_is_that_value() -> None:
    codes = Encoding(CONDITIONAL)
    group = codes.groups == 2  # the columns of `kind`
    active = {"mode": "a", "rate": 0.5, "kind": "q", "parts": "1"}
    rows = codes.encode([active, {**active, "kind": "p"}, {"mode": "none"}])[:, group]
    assert np.array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[1], rows[2])


def test_codes_tell_all_params_apart() -> None:
    draw = RandomDraw(_rng())
    params = [suggest(CONDITIONAL, draw) for _ in range(200)]
    rows = Encoding(CONDITIONAL).encode(params)
    different = {tuple(sorted(each.items())) for each in params}
    assert len(np.unique(rows, axis=0)) == len(different)
    assert rows.shape == (200, len(Encoding(CONDITIONAL).groups))


def test_codes_of_nothing() -> None:
    codes = Encoding(CONDITIONAL)
    assert codes.encode([]).shape == (0, len(codes.groups))


# pool


def test_the_pool_draws_valid_params_and_changes_one_to_three_entries() -> None:
    space = _space(
        mode=Choice(("none", "a")),
        rate=FloatRange(0.01, 1.0, log=True, when={"mode": Condition(("a",))}),
        step=FloatRange(0.0, 0.9, step=0.1),
        n=IntRange(1, 9, step=2),
        m=IntRange(1, 64, log=True),
        b=Subset((1, 2, 3, 4, 5)),
    )
    pool = Pool(space, _rng())
    (parent,) = pool.fresh(1)
    parent = {**parent, "mode": "a", "rate": 0.1}
    children = list(pool.near([parent], 300))
    n_changed = Counter()
    for child in children:
        space.resolve(child)  # raises where a value is not one of its parameter's
        common = [name for name in child if name in parent]
        n_changed[sum(child[name] != parent[name] for name in common)] += 1
    assert set(n_changed) == {0, 1, 2, 3}, "0: a number's step is kept inside its range"
    assert n_changed[0] < 30
    assert any("rate" not in child for child in children), (
        "a child may lose what depended on its parent's mode"
    )
    assert {child["n"] for child in children} == {1, 3, 5, 7, 9}


def test_the_pool_adds_what_a_changed_parameter_makes_active() -> None:
    children = list(Pool(CONDITIONAL, _rng()).near([{"mode": "none"}], 50))
    assert all(("rate" in child) == (child["mode"] == "a") for child in children)
    assert {child["mode"] for child in children} == {"a", "b"}


@pytest.mark.parametrize(("at", "inwards"), [(1, {2}), (2, {1, 3}), (3, {2})])
def test_a_step_of_an_integer_leads_somewhere_else(at: int, inwards: set[int]) -> None:
    children = list(Pool(_space(n=IntRange(1, 3)), _rng()).near([{"n": at}], 300))
    steps = Counter(child["n"] for child in children)
    assert inwards <= set(steps)
    assert steps[at] < 60, "only drawing any value may give the same again"


def test_the_pool_without_parents_and_a_small_space_whole() -> None:
    space = _space(a=Choice((1, 2, 3)), b=IntRange(1, 4))
    assert list(Pool(space, _rng()).near([], 5)) == []
    assert len(Pool(space, _rng()).everything(12) or []) == 12
    assert Pool(space, _rng()).everything(11) is None


# transform


@pytest.mark.parametrize("make", [fitted, logarithm])
@pytest.mark.parametrize(
    "costs",
    [
        np.array([]),
        np.array([3.0]),
        np.array([2.0, 2.0, 2.0]),
        np.array([0.0, 0.0, 1.0]),
        np.array([-90.0, -89.0, -50.0, -10.0, 0.0]),
        np.array([0.2, 0.21, 0.3, 0.5, 488.0]),
    ],
)
def test_a_warp_is_monotone_and_can_be_undone(make: Any, costs: Floats) -> None:
    transform = make(costs)
    transformed = transform.to(costs)
    assert np.isfinite(transformed).all()
    assert np.allclose(transform.back(transformed), costs)
    assert (np.diff(transform.to(np.linspace(-200.0, 600.0, 50))) >= 0).all()
    assert np.isfinite(transform.back(np.array([-1e6, 1e6]))).all()


def test_a_warp_is_steep_at_the_good_end_and_knows_its_slope() -> None:
    transform = fitted(np.exp(_rng().normal(size=200)))
    assert transform.steepness(np.array([0.1])) > 3 * transform.steepness(np.array([3.0]))
    slope = approx_fprime(np.array([0.7]), lambda cost: float(transform.to(cost)[0]), 1e-7)
    assert transform.steepness(np.array([0.7])) == pytest.approx(slope, rel=1e-3)


def test_one_diverged_training_does_not_flatten_the_rest() -> None:
    costs = np.array([0.2, 0.21, 0.25, 0.3, 0.4, 0.5, 488.0])
    transformed = fitted(costs).to(costs)
    assert np.ptp(transformed[:-1]) > 0.1 * np.ptp(transformed)


def test_positive_costs_are_compared_by_their_logarithm() -> None:
    assert logarithm(np.array([1.0, 10.0])) == Transform(0.0, 1e-3)


# surrogate


def _toy(n: int = 40, seed: int = 0) -> tuple[Floats, Floats, NDArray[np.int64]]:
    x = _rng(seed).random((n, 4))
    return x, np.sin(4 * x[:, 0]) + x[:, 1], np.array([0, 1, 2, 2])


def test_the_slope_of_the_evidence_is_that_of_central_differences() -> None:
    x, y, groups = _toy(20)
    z = (y - y.mean()) / y.std()
    centred = x - x.mean(axis=0)
    stack = np.stack([_squared_distances(x[:, groups == g], x[:, groups == g]) for g in range(3)])
    added = np.full(20, 0.01)

    def value(vector: Floats) -> tuple[float, Floats]:
        return _negative_log_evidence(Hyperparameters.of(vector), centred @ centred.T / 3, stack, z, added)

    start = Hyperparameters.start(3).vector()
    _, slope = value(start)
    steps = 1e-5 * np.eye(len(start))
    central = [(value(start + step)[0] - value(start - step)[0]) / 2e-5 for step in steps]
    assert np.allclose(slope, central, rtol=1e-4, atol=1e-4)


def test_the_posterior_is_that_of_the_textbook() -> None:
    """With a purely linear kernel: Bayesian linear regression in closed form."""
    x, _, groups = _toy(15)
    y = x @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.1 * _rng().normal(size=15)
    hyper = Hyperparameters(np.zeros(3), np.log(3.0), -40.0, np.log(0.1))
    mean, sd = GaussianProcess(x, y, groups, hyper).predict(x[:5])
    centred, z = x - x.mean(axis=0), (y - y.mean()) / y.std()
    noise = 0.1 + 1e-6
    covariance = np.linalg.inv(centred.T @ centred / noise + np.eye(4))
    weights = covariance @ centred.T @ z / noise
    assert np.allclose(mean, y.mean() + y.std() * centred[:5] @ weights)
    assert np.allclose(sd, y.std() * np.sqrt(np.sum(centred[:5] @ covariance * centred[:5], axis=1)))


def test_the_surrogate_learns_and_knows_how_well() -> None:
    x, y, groups = _toy(60)
    process = GaussianProcess(x[:40], y[:40], groups, fit(x[:40], y[:40], groups, Hyperparameters.start(3)))
    mean, sd = process.predict(x[40:])
    assert np.abs(mean - y[40:]).mean() < 0.15 * y.std()
    assert (np.abs(mean - y[40:]) < 4 * sd + 0.1).all()
    far, near = process.predict(np.full((1, 4), 9.0))[1], process.predict(x[:1])[1]
    assert far > 5 * near


def test_a_field_that_changes_nothing_gets_a_long_scale() -> None:
    x, y, groups = _toy(60)
    lengths = fit(x, y, groups, Hyperparameters.start(3)).lengths
    assert lengths[2] > lengths[0] + 1.0


def test_a_doubtful_observation_counts_for_less() -> None:
    x = np.array([[0.0], [0.5], [1.0], [0.5]])
    y = np.array([0.0, 0.0, 0.0, 10.0])
    groups, hyper = np.array([0]), Hyperparameters.start(1)
    sure = GaussianProcess(x, y, groups, hyper).predict(x[1:2])[0]
    doubted = GaussianProcess(x, y, groups, hyper, np.array([0.0, 0.0, 0.0, 1e4])).predict(x[1:2])[0]
    assert doubted < 0.2 * sure


@pytest.mark.parametrize("y", [np.zeros(5), np.array([1e9, 1e9, 1e9 + 1, 1e9, 1e9])])
def test_values_without_a_range_are_no_trouble(y: Floats) -> None:
    x, _, groups = _toy(5)
    mean, sd = GaussianProcess(x, y, groups, fit(x, y, groups, Hyperparameters.start(3))).predict(x)
    assert np.isfinite(mean).all()
    assert np.isfinite(sd).all()


# improvement


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("n", [0, 1, 7, 60])
@pytest.mark.parametrize("has_ties", [False, True])
def test_improvement_is_the_difference_of_hypervolumes(m: int, n: int, has_ties: bool) -> None:
    points, candidates = _rng(n).random((n, m)), _rng(n + 1).random((40, m)) * 1.2
    if has_ties:
        points, candidates = np.round(points * 4) / 4, np.round(candidates * 4) / 4
    reference = np.ones(m)
    gain = HypervolumeImprovement(points, reference, _rng()).expected(
        [candidates[:, [at]] for at in range(m)]
    )

    def volume(rows: Floats) -> float:
        return hypervolume(rows, ["minimize"] * m, reference.tolist())

    wanted = [volume(np.vstack([points, one])) - volume(points) for one in candidates]
    assert np.allclose(gain, wanted, atol=1e-12)


def test_boxes_are_few_and_disjoint() -> None:
    angles = _rng().random((50, 2)) * np.pi / 2
    front = 1 - np.column_stack(
        [
            np.cos(angles[:, 0]) * np.cos(angles[:, 1]),
            np.cos(angles[:, 0]) * np.sin(angles[:, 1]),
            np.sin(angles[:, 0]),
        ]
    )
    lower, upper = undominated_boxes(front, np.full(3, 1.2))
    assert len(lower) == 2 * 50 + 1
    inside = _rng(1).random((2000, 3)) * 1.2
    holds = ((inside[:, None] >= lower) & (inside[:, None] < upper)).all(axis=2).sum(axis=1)
    is_dominated = (front[None] <= inside[:, None]).all(axis=2).any(axis=1)
    assert np.array_equal(holds, (~is_dominated).astype(int))


def test_expected_improvement_of_one_objective_is_the_closed_form() -> None:
    levels = norm.ppf((np.arange(2000) + 0.5) / 2000)
    got = HypervolumeImprovement(np.array([[0.5]]), np.ones(1), _rng()).expected(
        [(0.6 + 0.2 * levels)[None, :]]
    )
    z = (0.5 - 0.6) / 0.2
    assert got[0] == pytest.approx(0.2 * (z * norm.cdf(z) + norm.pdf(z)), rel=1e-2)


def test_expectation_over_independent_objectives() -> None:
    """Against the mean over all pairs of quantiles."""
    front, first, second = _rng().random((9, 2)), _rng(1).random(5), _rng(2).random(5)
    improvement = HypervolumeImprovement(front, np.ones(2), _rng())
    pairs = np.array([(a, b) for a in first for b in second])
    each = improvement.expected([pairs[:, [0]], pairs[:, [1]]])
    assert improvement.expected([first[None], second[None]])[0] == pytest.approx(each.mean())


def test_four_objectives_are_sampled_near_the_truth() -> None:
    points, candidates = _rng().random((20, 4)), _rng(3).random((30, 4)) * 0.6
    reference = np.ones(4)
    gain = HypervolumeImprovement(points, reference, _rng()).expected(
        [candidates[:, [at]] for at in range(4)]
    )

    def volume(rows: Floats) -> float:
        return hypervolume(rows, ["minimize"] * 4, reference.tolist())

    wanted = np.array([volume(np.vstack([points, one])) - volume(points) for one in candidates])
    assert np.allclose(gain, wanted, atol=0.03)
    assert np.corrcoef(gain, wanted)[0, 1] > 0.99


# extrapolation, space filling


def test_a_stopped_trial_is_granted_less_than_the_others_gained() -> None:
    change = change_to_come([-10.0, -8.0, -6.0, -2.0])
    assert change is not None
    assert change.cost == pytest.approx(-5.0)
    assert change.sd == pytest.approx(np.std([10.0, 8.0, 6.0, 2.0]))
    assert change_to_come([-1.0, -2.0]) is None


def _observations(codes: Floats, costs: Floats, **changes: Any) -> Observations:
    n, k = costs.shape
    values: dict[str, Any] = {
        "cost_sd": np.zeros((n, k)),
        "worked": np.ones(n),
        "is_running": np.zeros(n, dtype=np.bool_),
        "is_trial": np.ones(n, dtype=np.bool_),
        "feasible_costs": costs[np.isfinite(costs).all(axis=1)],
        **changes,
    }
    return Observations(codes, costs, **values)


def test_spreading_goes_by_cost_where_it_is_known_and_by_codes_elsewhere() -> None:
    observations = _observations(np.array([[0.0]]), np.array([[1.0]]))
    codes = np.array([[0.1], [0.9], [0.2]])
    assert distances(observations, codes, np.full((3, 1), np.nan)).argmax() == 1
    known = distances(observations, codes, np.array([[100.0], [1.1], [np.nan]]))
    assert known.argmax() == 0
    assert known[2] == 0.0
    nothing = _observations(np.empty((0, 1)), np.empty((0, 1)))
    assert distances(nothing, codes, np.full((3, 1), np.nan)).tolist() == [1.0, 1.0, 1.0]


# posteriors and acquisition

TARGETS = [Target("accuracy", False, True, -1.0), Target("memory", True, True, 1.0)]


def _acquisition(targets: list[Target], observations: Observations) -> Acquisition:
    return Acquisition(targets, observations, np.array([0]), HyperparameterCache(), _rng())


def _line(n: int = 12) -> tuple[Floats, Floats]:
    """Accuracy rises with x, and so does memory."""
    x = np.linspace(0.0, 1.0, n)
    return x[:, None], np.column_stack([-(50.0 + 40.0 * x), 100.0 + 900.0 * x])


def test_goals_are_costs() -> None:
    objectives = [Objective("val_accuracy", "maximize", 10.0), Objective("latency_ms", "minimize")]
    limits = {"val_accuracy": Bounds(min=50.0), "train_memory_mib": Bounds(max=100.0), "own": Bounds(min=1.0)}
    accuracy, latency, memory, own = targets_of(objectives, limits)
    assert (accuracy.reference, accuracy.low, accuracy.high) == (-10.0, -np.inf, -50.0)
    assert not accuracy.is_cheap
    assert accuracy.allows(np.array([-50.0, -49.0, np.nan])).tolist() == [True, False, True]
    assert latency.is_cheap
    assert not latency.is_limited
    assert memory.is_cheap
    assert not memory.is_objective
    assert (memory.low, memory.high) == (-np.inf, 100.0)
    assert not own.is_cheap
    assert (own.low, own.high) == (1.0, np.inf)


def test_exact_costs_are_believed_exactly_and_others_predicted() -> None:
    codes, costs = _line()
    surrogates = Surrogates(TARGETS, _observations(codes, costs), np.array([0]), HyperparameterCache())
    asked = np.array([[0.5], [0.5]])
    posterior = surrogates.posterior(asked, np.array([[np.nan, 123.0], [np.nan, np.nan]]))
    assert surrogates.transforms[1].back(posterior.mean[0, 1]) == pytest.approx(123.0)
    assert posterior.sd[0, 1] == 0.0
    assert surrogates.transforms[1].back(posterior.mean[1, 1]) == pytest.approx(550.0, rel=0.05)
    assert posterior.sd[1, 1] > 0.0
    assert surrogates.transforms[0].back(posterior.mean[1, 0]) == pytest.approx(-70.0, rel=0.05)


def test_a_running_trial_is_believed_to_end_as_predicted_and_makes_its_neighbours_worthless() -> None:
    codes, costs = _line()
    gap = np.arange(12) != 6
    asked, known = codes[[6]], np.array([[np.nan, costs[6, 1]]])
    before = _acquisition(TARGETS, _observations(codes[gap], costs[gap])).of(asked, known)
    is_running = np.zeros(12, dtype=np.bool_)
    is_running[6] = True
    pending = costs.copy()
    pending[6, 0] = np.nan
    after = _acquisition(TARGETS, _observations(codes, pending, is_running=is_running)).of(asked, known)
    assert after < 0.2 * before


def test_what_violates_a_limit_is_worth_nothing_and_what_may_is_worth_less() -> None:
    codes, costs = _line()
    limited = [TARGETS[0], Target("memory", True, True, 1.0, None, -np.inf, 500.0)]
    feasible_costs = costs[costs[:, 1] <= 500.0]
    acquisition = _acquisition(limited, _observations(codes, costs, feasible_costs=feasible_costs))
    asked = np.array([[0.3], [0.9]])
    chance = acquisition.chance(asked, np.full((2, 2), np.nan))
    assert chance[0] > 0.9
    assert chance[1] < 0.1
    exact = acquisition.chance(asked, np.array([[np.nan, 500.0], [np.nan, 500.1]]))
    assert exact.tolist() == [1.0, 0.0]


def test_a_limit_on_an_expensive_goal_is_a_probability() -> None:
    codes, costs = _line()
    limited = [Target("accuracy", False, True, -1.0, None, -np.inf, -70.0), TARGETS[1]]
    acquisition = _acquisition(limited, _observations(codes, costs, feasible_costs=costs[6:]))
    chance = acquisition.chance(np.array([[0.1], [0.9]]), np.full((2, 2), np.nan))
    assert chance[0] < 0.1
    assert chance[1] > 0.9


def test_where_trainings_fail_the_chance_is_low() -> None:
    codes, costs = _line(20)
    worked = (codes[:, 0] < 0.5).astype(float)
    known = np.where(worked[:, None] > 0, costs, np.nan)
    acquisition = _acquisition(TARGETS, _observations(codes, known, worked=worked))
    chance = acquisition.chance(np.array([[0.1], [0.9]]), np.full((2, 2), np.nan))
    assert chance[0] > 0.9
    assert chance[1] < 0.1


def test_worth_without_any_value_is_blind() -> None:
    observations = _observations(np.zeros((1, 1)), np.full((1, 2), np.nan))
    assert _acquisition(TARGETS, observations).lacks_models
    codes, costs = _line(3)
    assert not _acquisition(TARGETS, _observations(codes, costs)).lacks_models


def test_a_reference_that_nobody_has_reached_does_not_stop_the_search() -> None:
    codes, costs = _line()
    ahead = [Target("accuracy", False, True, -1.0, -99.9), TARGETS[1]]
    asked = np.array([[0.0], [0.5]])
    acquisition = _acquisition(ahead, _observations(codes, costs)).of(
        asked, np.array([[np.nan, 90.0], [np.nan, 400.0]])
    )
    assert (acquisition > 0).all()


def test_a_reference_that_is_reached_bounds_what_counts() -> None:
    codes, costs = _line()
    bounded = [TARGETS[0], Target("memory", True, True, 1.0, 300.0)]
    asked = np.array([[0.1], [0.9]])
    acquisition = _acquisition(bounded, _observations(codes, costs)).of(
        asked, np.array([[np.nan, 150.0], [np.nan, 301.0]])
    )
    assert acquisition[0] > 0
    assert acquisition[1] == 0.0
