"""How tests share two cores.

One thread for every process of the tests: networks here are tiny, and on a busy machine threads of one
process that wait for one another take many times longer than a single one.

With pytest-xdist (`make test`) the tests of a file stay together, as they share fixtures. All that use the
session's Ray are one group, all that use its Chromium another: each is started once, and the two run side by
side, first of all, since they take longest. Tests marked `alone` measure time: `make test` runs them at the
end, by themselves.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in every child

_GROUPS = {
    "ray_session": (
        "tests/search/test_engine.py",
        "tests/search/cluster/test_cluster_deaths.py",
        "tests/search/cluster/test_node_check.py",
        "tests/search/cluster/test_ray_cluster.py",
        "tests/search/study/test_resume.py",
    ),
    "browser": ("tests/reports/browser/", "tests/reports/live/"),
}
"""Fixtures that last for a session, and the files that use them."""


_LONG = (
    "tests/search/test_driver.py",
    "tests/test_main_job.py",
    "tests/hostile/test_hostile.py",
    "tests/search/terminal/test_report_server.py",
    "tests/search/study/test_postgresql.py",
    "tests/snncore/test_golden.py",
    "tests/snncore/training/",
    "tests/snncore/sweeps/",
)
"""Files that take over ten seconds: they come next, so that no process is left with one at the end."""


def group_of(nodeid: str) -> str:
    """The tests that one worker runs together: those that share a session's fixture, or those of a file."""
    file = nodeid.partition("::")[0]
    return next((name for name, files in _GROUPS.items() if file.startswith(files)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole groups to workers. (`--dist loadgroup` of xdist 3.8 does not see its marks with pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed here
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    config.option.loadscopereorder = False  # xdist would begin with the files of the most tests
    return Grouped(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest groups first."""
    for item in items:
        for name in _GROUPS:
            if name in getattr(item, "fixturenames", ()) and group_of(item.nodeid) != name:
                raise pytest.UsageError(f"{item.nodeid} uses {name}: name its file in tests/conftest.py")
    first = [*_GROUPS, *_LONG]
    items.sort(
        key=lambda item: next(
            (place for place, name in enumerate(first) if group_of(item.nodeid).startswith(name)), len(first)
        )
    )
