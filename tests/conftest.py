"""How tests share two cores.

One thread for every process of the tests: networks here are tiny, and on a busy machine threads of one
process that wait for one another take many times longer than a single one.

With pytest-xdist (`make test`) the tests of a file stay together, as they share fixtures. All that use one
Ray are one group, all that drive one Chromium another: each is started once, and the two run side by side,
first of all, since they take longest. Tests marked `alone` measure time: `make test` runs them at the end, by
themselves.
"""

from __future__ import annotations

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in every child

_SHARED = {"ray_session": "ray", "browser": "browser"}
"""Fixtures that last for a session, and the group of tests that use one."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group, and put the longest groups first."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            shared = [group for name, group in _SHARED.items() if name in getattr(item, "fixturenames", ())]
            item.add_marker(pytest.mark.xdist_group(shared[0] if shared else item.path.as_posix()))
    items.sort(key=_order)  # stable: within a group the order stays


def _order(item: pytest.Item) -> int:
    marker = item.get_closest_marker("xdist_group")
    assert marker is not None
    return (
        list(_SHARED.values()).index(marker.args[0]) if marker.args[0] in _SHARED.values() else len(_SHARED)
    )
