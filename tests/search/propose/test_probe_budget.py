"""How much may be probed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.propose.probe_budget import FIRST_SECONDS, ProbeBudget


def test_the_first_job_goes_ahead_and_the_second_waits_for_what_it_shows() -> None:
    budget = ProbeBudget(20, 0.1)
    assert budget.allowed(0.0) == (20, FIRST_SECONDS)
    budget.begun(20)
    assert budget.allowed(0.0) == (0, 0.0)
    budget.ended(20, 20, 5.0)
    assert budget.allowed(0.0)[0] == 0


@pytest.mark.parametrize(("n_each", "share"), [(0, 0.1), (20, 0.0)])
def test_without_probes_or_a_share_there_is_none(n_each: int, share: float) -> None:
    assert ProbeBudget(n_each, share).allowed(1e6)[0] == 0


def test_probes_follow_the_time_of_training() -> None:
    budget = ProbeBudget(20, 0.1)
    budget.begun(10)
    budget.ended(10, 10, 2.0)  # 0.2 s each
    n, seconds = budget.allowed(100.0)
    assert (n, seconds) == (20, pytest.approx(0.1 * 102.0 - 2.0))
    n, seconds = budget.allowed(25.0)
    assert (n, seconds) == (3, pytest.approx(0.7))
    budget.begun(3)
    assert budget.allowed(25.0)[0] == 0, "what is in flight counts"


@given(st.lists(st.floats(0.0, 50.0), max_size=60), st.floats(0.01, 0.5), st.floats(0.01, 2.0))
def test_the_share_is_kept_after_the_first_job(trained: list[float], share: float, each: float) -> None:
    budget = ProbeBudget(8, share)
    total = probed = first = 0.0
    for seconds in trained:
        total += seconds
        n, _ = budget.allowed(total)
        if n:
            budget.begun(n)
            budget.ended(n, n, n * each)
            probed += n * each
            first = first or probed
            assert probed <= max(first, share * (total + probed) * (1 + 1e-9) + 1e-3)
