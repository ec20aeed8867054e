"""Benchmarks set up their process; here they share it with all other tests."""

from __future__ import annotations

import pytest

from snncore.training.allocator import VARIABLE


@pytest.fixture(autouse=True)
def allocator_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "default")  # taken back after each test, whatever a benchmark sets
